"""Going back and elsewhere in a conversation, and where conversations are kept."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agentlab.cli.repl import choices
from agentlab.cli.repl.registry import Command, whole
from agentlab.errors import ConfigError

if TYPE_CHECKING:
    from agentlab.cli.repl.repl import Repl
    from agentlab.session import Turn


def _undo(repl: Repl, argument: str) -> None:
    for _ in range(whole(argument, "/undo") if argument else 1):
        repl.console.note(f"undone: {_short(repl.chat.session.undo())}")


def _redo(repl: Repl, _argument: str) -> None:
    repl.console.note(f"redone: {_short(repl.chat.session.redo())}")


def _clear(repl: Repl, _argument: str) -> None:
    repl.chat.session.clear()
    repl.console.note("the conversation begins anew; /redo brings it back")


def _branches(repl: Repl, argument: str) -> None:
    from agentlab.cli.repl.usage import counted

    session = repl.chat.session
    found = list(session.branches().items())
    if argument:
        if not (argument.isascii() and argument.isdigit() and 0 < int(argument) <= len(found)):
            raise ConfigError(f"there is no branch {argument:.40}", hint="/branches lists them")
        session.switch(found[int(argument) - 1][0])
        repl.console.note(f"in branch {argument}: {_short(session.turns[-1])}")
        return
    for number, (_, turns) in enumerate(found, 1):
        mark = "*" if turns == session.turns else " "
        ends = f"{_short(turns[-1])} → {_shortened(turns[-1].text)}"
        repl.console.line(f"{mark} {number}  {counted(len(turns), 'turn')}, the last: {ends}")


def _fork(repl: Repl, argument: str) -> None:
    before = repl.chat.name
    repl.chat.fork(argument or None)
    repl.console.note(f"in {repl.chat.name}, a copy of {before or 'this conversation'}")


def _save(repl: Repl, argument: str) -> None:
    from agentlab.session.naming import free_name

    chat = repl.chat
    if not argument:
        chat.keep()
        repl.console.note(f"kept as {chat.name}; every message is stored at once")
        return
    names = chat.store.names()
    taken = argument != chat.session.name and argument in names
    chat.session.save(argument)
    other = f"; the one that had this name is {free_name(argument, names)} now" if taken else ""
    repl.console.note(f"kept as {chat.name}{other}")


def _load(repl: Repl, argument: str) -> None:
    if not argument:
        raise ConfigError("/load takes the name of a session", hint="/sessions lists them")
    repl.load(argument)


def _new(repl: Repl, argument: str) -> None:
    repl.renew(argument or None)
    repl.console.note("a new conversation")


def _sessions(repl: Repl, _argument: str) -> None:
    from agentlab.cli.commands.sessions import table_of
    from agentlab.cli.tables import write_table

    found = repl.chat.store.list()
    if not found:
        repl.console.note("no sessions are stored yet")
        return
    write_table(repl.console, *table_of(found))


def _export(repl: Repl, argument: str) -> None:
    from typing import cast

    from agentlab.cli.delivery import deliver
    from agentlab.session import export
    from agentlab.session.exporting import FORMATS, Format

    chat = repl.chat
    if chat.session.name is None:
        raise ConfigError("nothing was said yet")
    kind, _, rest = argument.partition(" ")
    path = rest.strip() if kind in FORMATS else argument
    if kind not in FORMATS:
        kind = Path(path).suffix.removeprefix(".") or "md"
    chat.close()
    text = export(chat.session.name, cast(Format, kind), chat.store)
    out = Path(path).expanduser() if path else None
    deliver(repl.console, text, out, force=False, hint="choose another name")
    repl.console.end_line()


def _record(repl: Repl, argument: str) -> None:
    from agentlab.cli.interrupts import interruptible
    from agentlab.cli.repl.target import NO_PROMPT, PROMPT
    from agentlab.cli.repl.usage import counted
    from agentlab.config import project_folder
    from agentlab.scenarios.proposing import Conversation, propose
    from agentlab.scenarios.reading import shown

    chat = repl.chat
    turns = chat.session.turns
    if not argument:
        raise ConfigError("/record takes a name for the scenario", hint="/record greets-by-name")
    if not turns:
        raise ConfigError("nothing was said yet")
    _check_tools(chat.tools)
    if chat.docs:
        raise ConfigError(
            "a conversation about documents cannot be recorded from here",
            hint="make the answers in a function, and write a scenario with rag: module:function",
        )
    if chat.prompt == NO_PROMPT and not chat.tools:
        raise ConfigError("a scenario needs a prompt, and there is none", hint=f"/prompt {PROMPT}")
    conversation = Conversation(
        chat.spec,
        PROMPT if chat.prompt == NO_PROMPT else chat.prompt,  # an agent has its own
        [turn.user.text for turn in turns],
        chat.parameters,
        chat.session.memory.spec,
        chat.session.system,
        chat.tools,
    )
    repl.console.note(f"asking again, to record it: {counted(len(turns), 'turn')}")
    with interruptible():
        made = propose(argument, conversation, project_folder() / "scenarios")
    path = shown(made.path)
    repl.console.note(f"wrote {path} and {shown(made.cassette)}")
    pairs = enumerate(zip(turns, made.answers, strict=True), 1)
    other = [str(number) for number, (turn, answer) in pairs if turn.text != answer]
    if other:
        repl.console.note(f"other answers than in this chat: turn {', '.join(other)}")
    repl.console.note(f"look at what it expects, then run it: agentlab test {shlex.quote(path)}")


def _check_tools(names: Sequence[str]) -> None:
    """Recording asks again, and what a tool did outside must not be done twice."""
    from agentlab.tools import load_tools, policy_of

    again = [tool.name for tool in load_tools(*names) if policy_of(tool).side_effects]
    if again:
        raise ConfigError(
            f"recording asks again, and what {', '.join(again)} did would be done again",
            hint="/tools without it, or write the scenario by hand and record it: "
            "agentlab test --record all",
        )


def _short(turn: Turn) -> str:
    return _shortened(turn.user.text)


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"


COMMANDS = (
    Command("undo", "[TURNS]", "Take the last turn back.", _undo),
    Command("redo", "", "Take back an undo or a clear.", _redo),
    Command("clear", "", "Begin the conversation anew.", _clear, more="/redo brings it back."),
    Command("branches", "[NUMBER]", "List all that was ever said here, or go there.", _branches),
    Command("fork", "[NAME]", "Go on in a copy of the conversation.", _fork),
    Command("new", "[NAME]", "Begin another conversation.", _new),
    Command("save", "[NAME]", "Keep the conversation under a name.", _save,
            more="Every message is stored at once, under the time of the first or --session."),
    Command("load", "NAME", "Go on with a stored conversation.", _load, choices.sessions),
    Command("sessions", "", "List the stored conversations.", _sessions),
    Command("export", "[md|json|py] [FILE]", "Show or write it as Markdown, JSON or a script.",
            _export, choices.exports),
    Command("record", "NAME", "Keep the conversation as a test: a scenario with its recording.",
            _record,
            more="Its turns are asked again, of the present model, prompt and memory. What it\n"
            "writes to scenarios/NAME.yaml expects what came; edit that."),
)  # fmt: skip
