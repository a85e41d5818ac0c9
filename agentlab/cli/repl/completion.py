"""Completion of commands and of what may stand after them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from agentlab.cli.repl.registry import MARK, commands, find, parse
from agentlab.safe_text import visible

if TYPE_CHECKING:
    from agentlab.cli.repl.repl import Repl


class ReplCompleter(Completer):
    """Completes a line that begins with a slash. Every command brings its own choices.

    What has a control or direction character in it (a file's name may) is not offered.
    """

    def __init__(self, repl: Repl) -> None:
        self._repl = repl

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        """The completions of what stands before the cursor."""
        line = document.text_before_cursor
        command = parse(line)
        if command is None or "\n" in line:
            return
        name, _ = command
        _, space, argument = line.partition(" ")
        if not space:
            listed = [(c.name, c.about) for c in commands().values()]
            yield from _offered(name, listed, prefix=MARK)
            return
        # A folder that cannot be read or a damaged store is no reason to stop someone typing.
        with contextlib.suppress(Exception):
            argument = argument.lstrip()
            yield from _offered(argument, find(name).complete(self._repl, argument))


def _offered(
    begun: str, choices: Iterable[tuple[str, str]], prefix: str = ""
) -> Iterator[Completion]:
    for choice, about in choices:
        if choice.startswith(begun) and choice.isprintable():
            yield Completion(
                choice,
                start_position=-len(begun),
                display=prefix + choice,
                display_meta=visible(about),
            )
