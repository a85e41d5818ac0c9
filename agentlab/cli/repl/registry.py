"""The commands: what each is called and takes, and finding the one that was meant."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from agentlab.errors import ConfigError

if TYPE_CHECKING:
    from agentlab.cli.repl.repl import Repl

MARK = "/"
Handler = Callable[["Repl", str], None]
# Gives what may stand as the whole argument, with a word about each.
Completion = Callable[["Repl", str], Iterable[tuple[str, str]]]


class Quit(Exception):
    """The user wants to leave."""


def nothing(_repl: Repl, _argument: str) -> Iterable[tuple[str, str]]:
    """No completions."""
    return ()


@dataclass(frozen=True, slots=True)
class Command:
    """A command, as help, completion and the loop know it.

    ``arguments`` is shown after the name; ``about`` is a line of help, ``more`` what else there is
    to say.
    """

    name: str
    arguments: str
    about: str
    run: Handler
    complete: Completion = nothing
    aliases: tuple[str, ...] = ()
    more: str = ""

    @property
    def usage(self) -> str:
        """The name with its arguments, as it is typed."""
        return f"{MARK}{self.name} {self.arguments}".rstrip()


@cache
def commands() -> dict[str, Command]:
    """All commands by name, in the order of the help."""
    from agentlab.cli.repl.commands import asking, helping, keeping, looking, setting

    groups = (helping, setting, asking, looking, keeping)
    return {command.name: command for group in groups for command in group.COMMANDS}


def find(name: str) -> Command:
    """The command called ``name``, or that has it as an alias.

    Raises:
        ConfigError: there is none; the hint names the nearest.
    """
    known = commands()
    names = {alias: c for c in known.values() for alias in (c.name, *c.aliases)}
    if name in names:
        return names[name]
    near = difflib.get_close_matches(name.lower(), names, n=1)
    literal = f"a text that begins with {MARK} is sent as {MARK}{MARK}…"
    raise ConfigError(
        f"there is no command {MARK}{name:.40}",
        hint=f"did you mean {MARK}{near[0]}?" if near else f"{MARK}help lists them; {literal}",
    )


def parse(line: str) -> tuple[str, str] | None:
    """A command's name and argument, None where ``line`` is a text to send."""
    if not line.startswith(MARK) or line.startswith(MARK * 2):
        return None
    name, _, argument = line[len(MARK) :].partition(" ")
    if "\n" in name:
        name, _, first = name.partition("\n")
        argument = f"{first} {argument}"
    return name, argument.strip()


def literal(line: str) -> str:
    """The text that ``line`` sends: of two slashes at its beginning, one."""
    return line[len(MARK) :] if line.startswith(MARK * 2) else line


def whole(argument: str, command: str) -> int:
    """``argument`` as a count from 1.

    Raises:
        ConfigError: it is none.
    """
    if not (argument.isascii() and argument.isdigit() and int(argument[:9]) > 0):
        raise ConfigError(f"{command} takes a number from 1, not {argument:.40}")
    return int(argument[:9])
