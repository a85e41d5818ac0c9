"""Asking in the terminal whether a tool with side effects may run."""

from __future__ import annotations

import json
import select
import sys
from collections.abc import Callable, Mapping
from typing import Any

from agentlab import cancellation
from agentlab.cli.console import Console
from agentlab.errors import ConfigError

_POLL = 0.1  # seconds between looks at Ctrl-C


CHOICES = ("all", "none")


def approver(decided: str = "") -> Callable[[Any], bool | str] | None:
    """What asks the person at the terminal; None where there is none.

    Then what has side effects runs only while there is no text from outside. ``all`` and ``none``
    decide beforehand.

    Raises:
        ConfigError: ``decided`` is something else.
    """
    if decided not in ("", *CHOICES):
        raise ConfigError(
            f"--approve {decided!r:.80} is no decision",
            hint="all runs every tool, none runs no tool with side effects; without it you are "
            "asked",
        )
    if decided:
        return lambda _: decided == "all"
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    return _ask


def _ask(call: Mapping[str, Any]) -> bool | str:
    """True for yes; anything but yes and no is what the model is told in place of a result."""
    console = Console()
    console.end_line()
    args = json.dumps(call["args"], ensure_ascii=False, default=str)
    console.note(f"{call['name']} may change something outside. Run it with {args}?")
    console.note("[y]es, [N]o, or what to tell the model:")
    answer = _line().strip()
    if answer.lower() in ("y", "yes"):
        return True
    return False if answer.lower() in ("", "n", "no") else answer


def _line() -> str:
    """A line from the terminal. Ctrl-C ends the wait."""
    while not select.select([sys.stdin], [], [], _POLL)[0]:
        cancellation.raise_if_cancelled()
    return sys.stdin.readline()
