"""Asking again, differently, or with files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentlab.cli.repl import choices
from agentlab.cli.repl.registry import Command
from agentlab.errors import ConfigError

if TYPE_CHECKING:
    from agentlab.cli.repl.repl import Repl


def _retry(repl: Repl, _argument: str) -> None:
    session = repl.chat.session
    repl.ask(session.retry_events)


def _edit(repl: Repl, argument: str) -> None:
    from agentlab.cli.repl.blocks import unfenced
    from agentlab.cli.repl.editor import edited

    chat = repl.chat
    turns = chat.session.turns
    before = turns[-1].user.text if turns else ""
    text = unfenced(argument) if argument else edited(before)
    if not text.strip():
        raise ConfigError("the text is empty, so nothing was sent")
    if turns and text.strip() == before.strip():
        raise ConfigError("the question is as it was", hint="/retry asks it again")
    chat.keep()
    repl.ask(lambda: (chat.session.edit_events if turns else chat.session.events)(text))


def _attach(repl: Repl, argument: str) -> None:
    chat = repl.chat
    if argument:
        chat.attach(_unquoted(argument))
    elif not chat.attached:
        raise ConfigError("no file is attached", hint="/attach FILE")
    repl.console.note(f"goes with the next question: {', '.join(chat.attached)}")


def _unquoted(path: str) -> str:
    for quote in "'\"":
        if len(path) > 1 and path[0] == path[-1] == quote:
            return path[1:-1]
    return path


COMMANDS = (
    Command("retry", "", "Answer the last question again.", _retry, aliases=("regen",),
            more="The old answer stays as a branch: /branches."),
    Command("edit", "[TEXT]", "Ask the last question differently: in $EDITOR, or as TEXT.", _edit,
            more="The old turn stays as a branch: /branches."),
    Command("attach", "FILE", "Put a text file before the next question.", _attach,
            choices.files, ("read", "file")),
)  # fmt: skip
