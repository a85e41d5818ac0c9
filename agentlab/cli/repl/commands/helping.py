"""Help, leaving, and how answers are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentlab.cli.repl import choices
from agentlab.cli.repl.registry import Command, Quit, commands, find
from agentlab.errors import ConfigError

if TYPE_CHECKING:
    from agentlab.cli.repl.repl import Repl

_KEYS = """\
Enter sends, Alt-Enter begins a new line; a pasted text stays whole; \"\"\" begins and ends a block
Ctrl-R searches what was typed before, Ctrl-X Ctrl-E opens $EDITOR, Tab completes
Ctrl-C stops an answer (twice: ends at once), Ctrl-D leaves; a text that begins with / is //…"""


def _help(repl: Repl, argument: str) -> None:
    if argument:
        command = find(argument.removeprefix("/"))
        repl.console.line(f"{command.usage}\n{command.about}")
        if command.more:
            repl.console.line(command.more)
        if command.aliases:
            repl.console.line(f"also: {', '.join(f'/{alias}' for alias in command.aliases)}")
        return
    width = max(len(command.usage) for command in commands().values())
    for command in commands().values():
        repl.console.line(f"{command.usage:{width}}  {command.about}")
    repl.console.line(f"\n{_KEYS}")


def _quit(_repl: Repl, _argument: str) -> None:
    raise Quit


def _stats(repl: Repl, argument: str) -> None:
    repl.stats = switched(argument, repl.stats)
    repl.console.note(f"what an answer used is {'' if repl.stats else 'not '}shown after it")


def _markdown(repl: Repl, argument: str) -> None:
    if not argument:
        from agentlab.cli.repl.commands.looking import last_answer
        from agentlab.cli.repl.markdown import write_markdown

        write_markdown(repl.console, last_answer(repl))
        return
    repl.markdown = switched(argument, repl.markdown)
    shown = "drawn as Markdown, block by block" if repl.markdown else "shown as they come"
    repl.console.note(f"answers are {shown}")


def switched(argument: str, now: bool) -> bool:
    """What ``on``, ``off`` or nothing (the other one) makes of ``now``.

    Raises:
        ConfigError: it is something else.
    """
    if argument not in ("", "on", "off"):
        raise ConfigError(f"expected on or off, not {argument:.40}")
    return argument == "on" if argument else not now


COMMANDS = (
    Command("help", "[COMMAND]", "List the commands, or explain one.", _help,
            choices.command_names, ("?", "h")),
    Command("quit", "", "Leave; the conversation is kept.", _quit, aliases=("exit", "bye", "q")),
    Command("markdown", "[on|off]", "Draw answers as Markdown; alone: the last one.", _markdown,
            choices.fixed("on", "off"), ("render",)),
    Command("stats", "[on|off]", "Show tokens and speed after each answer.", _stats,
            choices.fixed("on", "off")),
)  # fmt: skip
