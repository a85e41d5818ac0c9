"""Reading and answering, until there is nothing more to read."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from agentlab.cli.console import Console
from agentlab.cli.repl.blocks import is_open
from agentlab.cli.repl.chat import Options
from agentlab.cli.repl.opening import Opening
from agentlab.cli.repl.registry import Quit
from agentlab.cli.repl.repl import Repl
from agentlab.errors import ConfigError, TurnCancelled


def chat(console: Console, options: Options, *, debug: bool = False) -> int:
    """Talk at the terminal, or over stdin where that is none; returns the exit code.

    Raises:
        AgentLabError: the chat could not be opened.
    """
    typed = sys.stdin is not None and sys.stdin.isatty()
    if typed and (console.out_is_terminal or console.err.isatty()):
        _at_terminal(console, options, debug)
        return 0
    return _from_lines(console, options, sys.stdin or (), debug)


def _at_terminal(console: Console, options: Options, debug: bool) -> None:
    from agentlab.cli.repl.greeting import greet
    from agentlab.cli.repl.line import Line
    from agentlab.config import settings

    data = settings().data

    def on_change(error: BaseException | None) -> None:
        line.redraw() if error is None else line.fail(error)

    repl = Repl(console, Opening(options, on_change), debug=debug)
    line = Line(repl, data / "history", repl.opening.start)
    greet(console, options.model or settings().model, data)
    try:
        while True:
            try:
                repl.handle(line.read())
            except KeyboardInterrupt:
                if not line.left:
                    console.note("Ctrl-D or /quit leaves", style="dim")
            except (EOFError, Quit):
                break
            else:
                _empty_line(console)
    finally:
        repl.close()


def _empty_line(console: Console) -> None:
    if console.out_is_terminal:
        console.answer("\n")


def _from_lines(console: Console, options: Options, lines: Iterable[str], debug: bool) -> int:
    repl = Repl(console, Opening(options), debug=debug)
    try:
        repl.chat  # noqa: B018 - a wrong option ends it before anything is read
        for text in _messages(lines):
            try:
                repl.handle(text)
            except Quit:
                break
    except KeyboardInterrupt:
        raise TurnCancelled from None
    finally:
        repl.close()
    return repl.failure


def _messages(lines: Iterable[str]) -> Iterator[str]:
    '''Each line, and what stands between """ as one message.'''
    block = ""
    try:
        for line in lines:
            block += line
            if not is_open(block):
                yield block.rstrip("\n")
                block = ""
    except UnicodeDecodeError as error:
        raise ConfigError("stdin is not UTF-8 text") from error
    if block:
        yield block.rstrip("\n")
