"""Putting a text on the clipboard."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess

from agentlab.cli.console import Console
from agentlab.errors import ConfigError

_SECONDS = 5
# Each with the variable without which it has no clipboard to write to.
_PROGRAMS = (
    ("WAYLAND_DISPLAY", ("wl-copy",)),
    ("DISPLAY", ("xclip", "-selection", "clipboard")),
    ("DISPLAY", ("xsel", "--clipboard", "--input")),
    ("", ("pbcopy",)),
)


def copy(console: Console, text: str) -> str:
    """Put ``text`` on the clipboard; returns by what.

    Where no program can, the terminal is asked (OSC 52); many do it, also over ssh.

    Raises:
        ConfigError: there is neither.
    """
    for variable, command in _PROGRAMS:
        if (variable and not os.environ.get(variable)) or not shutil.which(command[0]):
            continue
        try:
            subprocess.run(  # noqa: S603
                command,
                input=text.encode("utf-8", "replace"),
                check=True,
                timeout=_SECONDS,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except (OSError, subprocess.SubprocessError):
            continue
        return command[0]
    if not console.out_is_terminal or os.environ.get("TERM", "dumb") == "dumb":
        raise ConfigError(
            "there is no clipboard", hint="install wl-copy, xclip or xsel; or /export FILE"
        )
    encoded = base64.b64encode(text.encode("utf-8", "replace")).decode()
    console.out.write(f"\x1b]52;c;{encoded}\x07")
    console.out.flush()
    return "the terminal"
