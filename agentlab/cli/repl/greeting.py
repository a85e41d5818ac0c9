"""What stands above the first prompt."""

from __future__ import annotations

from pathlib import Path

from agentlab.cli.console import Console
from agentlab.cli.repl.chat import short

_FIRST = """\
A chat with {model}. Three things to try:

  Why is the sky blue?     the answer comes as it is written; Ctrl-C stops it
  /context                 exactly what the model sees, with its tokens
  /memory window:2         let it forget: only the last 2 turns are shown

/help lists the commands, Ctrl-D leaves; every message is kept until then and after."""
_AGAIN = "{model} · /help lists the commands, Ctrl-D leaves"


def greet(console: Console, model: str, data: Path) -> None:
    """Say what there is to know, more of it where no conversation is stored in ``data`` yet."""
    text = _AGAIN if (data / "sessions.db").exists() else _FIRST
    console.note(text.format(model=short(model)), style="dim")
