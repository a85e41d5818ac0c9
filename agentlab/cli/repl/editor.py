"""Writing a text in the user's own editor."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from agentlab.errors import ConfigError

_USUAL = ("editor", "nano", "vi")


def edited(text: str) -> str:
    """``text`` as it is when ``$VISUAL`` or ``$EDITOR`` has ended.

    Raises:
        ConfigError: there is no editor, it fails, or there is no terminal for it.
    """
    command = _command()
    with tempfile.TemporaryDirectory(prefix="agentlab-") as folder:
        file = Path(folder, "question.md")
        file.write_text(text, encoding="utf-8")
        try:
            done = subprocess.run([*command, str(file)], check=False)  # noqa: S603 - the user's own
        except OSError as error:
            raise ConfigError(
                f"the editor {command[0]!r} cannot be run: {error.strerror}",
                hint="set EDITOR to one that is installed",
            ) from error
        if done.returncode != 0:
            raise ConfigError(f"the editor {command[0]!r} failed, so nothing was sent")
        try:
            return file.read_text(encoding="utf-8").rstrip("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError("what the editor left cannot be read") from error


def _command() -> list[str]:
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if named:
        try:
            return shlex.split(named)
        except ValueError as error:
            raise ConfigError(f"EDITOR is not a command: {error}") from error
    found = next((path for name in _USUAL if (path := shutil.which(name))), None)
    if found is None:
        raise ConfigError("there is no editor", hint="set EDITOR, or write /edit TEXT")
    return [found]
