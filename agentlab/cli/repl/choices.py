"""What may stand after a command: models, prompts, sessions, files and the like."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from agentlab.cli.repl.registry import Completion, commands

if TYPE_CHECKING:
    from agentlab.cli.repl.repl import Repl

Choice = tuple[str, str]
MOST_FILES = 200


def fixed(*choices: str) -> Completion:
    """These texts, and no others."""
    return lambda _repl, _argument: [(choice, "") for choice in choices]


def command_names(_repl: Repl, _argument: str) -> Iterable[Choice]:
    """The commands, with what they are for."""
    return [(c.name, c.about) for c in commands().values()]


def models(repl: Repl, argument: str) -> Iterator[Choice]:
    """The models of this machine, the kinds there are, and files behind ``gguf:``."""
    from agentlab.models import KINDS
    from agentlab.models.local import local_models

    for kind in ("gguf:", "scripted:"):
        if argument.startswith(kind):
            yield from ((f"{kind}{path}", "") for path in _paths(argument[len(kind) :]))
            return
    for model in local_models():
        if not model.problem:
            yield model.spec, f"{model.size / 1e6:,.0f} MB"
    yield from ((f"{kind}:", "") for kind in KINDS)


def prompts(_repl: Repl, _argument: str) -> Iterator[Choice]:
    """The prompts that a conversation can use."""
    from agentlab.cli.repl.target import NO_PROMPT
    from agentlab.prompts import list_prompts, load_prompt

    for info in list_prompts():
        needed = {v.name for v in info.variables if v.required}
        if not info.problem and needed <= {"input"} and load_prompt(info.name).takes_history:
            yield info.name, info.description
    yield NO_PROMPT, "no prompt: the bare model"


def memories(_repl: Repl, _argument: str) -> Iterable[Choice]:
    """The memories, with an example of each number."""
    return (
        ("buffer", "everything"),
        ("window:4", "the last 4 turns"),
        ("tokens:2000", "as many turns as fit in 2,000 tokens"),
        ("tokens:50%", "as many turns as fit in half of the context"),
        ("summary", "a running summary"),
        ("summary_buffer:3", "a summary, and the last 3 turns word for word"),
    )


def parameters(repl: Repl, argument: str) -> Iterator[Choice]:
    """The sampling parameters, with their values."""
    from agentlab.cli.repl.chat import SAMPLING

    if " " in argument:
        yield f"{argument.partition(' ')[0]} default", "take it back"
        return
    chat = repl.opening.chat
    for name in SAMPLING:
        value = None if chat is None else getattr(chat.model, name, None)
        yield name, "" if value is None else str(value)


def sessions(_repl: Repl, _argument: str) -> Iterator[Choice]:
    """The stored sessions, last used first."""
    from agentlab.session import Store

    for listed in Store().list():
        yield listed.name, " ".join(listed.first.split())[:40]


def tools(_repl: Repl, _argument: str) -> Iterator[Choice]:
    """The tools that can be used."""
    from agentlab.tools import list_tools

    for info in list_tools():
        if not info.problem:
            yield info.name, info.description.partition("\n")[0]


def files(_repl: Repl, argument: str) -> Iterator[Choice]:
    """The files and folders that ``argument`` is the beginning of."""
    yield from ((path, "") for path in _paths(argument))


def docs(repl: Repl, argument: str) -> Iterator[Choice]:
    """Folders, and no documents."""
    from agentlab.cli.repl.target import NO_DOCS

    yield NO_DOCS, "no documents"
    yield from ((path, about) for path, about in files(repl, argument) if path.endswith("/"))


def exports(_repl: Repl, argument: str) -> Iterator[Choice]:
    """The formats, and files."""
    yield from (("md", "to read"), ("json", "to import again"), ("py", "a script that runs"))
    yield from files(_repl, argument)


def _paths(begun: str) -> Iterator[str]:
    folder, slash, start = begun.rpartition("/")
    where = Path(f"{folder}{slash}" or ".").expanduser()
    try:
        with os.scandir(where) as entries:
            found = sorted(
                f"{entry.name}/" if entry.is_dir() else entry.name
                for entry in entries
                if entry.name.startswith(start) and (start or not entry.name.startswith("."))
            )
    except OSError:
        return
    yield from (f"{folder}{slash}{name}" for name in found[:MOST_FILES])
