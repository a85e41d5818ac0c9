"""Answers as Markdown: each block is drawn once, when it is whole."""

from __future__ import annotations

import re

from agentlab.cli.console import Console, shows_styles
from agentlab.safe_text import visible

_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_ITEM = re.compile(r"([-*+]|\d{1,9}[.)])\s")


def write_markdown(console: Console, text: str) -> None:
    """Draw ``text`` as Markdown on stdout. Links are written out: their texts could deceive."""
    from rich.console import Console as RichConsole
    from rich.markdown import Markdown

    console.end_line()
    plain = not shows_styles(console.out)
    drawn = RichConsole(file=console.out, color_system=None if plain else "auto")
    drawn.print(Markdown(visible(text), hyperlinks=False))
    console.out.flush()


class MarkdownStream:
    """Draws the blocks of a text that comes in pieces, each as soon as the next one begins."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._line = ""
        self._block: list[str] = []
        self._fence = ""

    def feed(self, text: str) -> None:
        """Take a piece of the text."""
        *whole, self._line = (self._line + text).split("\n")
        for line in whole:
            self._take(line)

    def finish(self) -> None:
        """Draw what is left."""
        if self._line:
            self._take(self._line)
        self._line = self._fence = ""
        self._draw()

    def _take(self, line: str) -> None:
        after_blank = bool(self._block) and not self._block[-1].strip()
        if not self._fence and after_blank and line.strip() and not self._goes_on(line):
            self._draw()
        fence = _FENCE.match(line)
        if fence and not self._fence:
            self._fence = fence[1]
        elif fence and line.strip().startswith(self._fence) and not line.strip().strip("`~"):
            self._fence = ""
        self._block.append(line)

    def _goes_on(self, line: str) -> bool:
        """Whether ``line``, after an empty one, still belongs to the list above it."""
        in_list = _ITEM.match(self._block[0].lstrip()) is not None
        return in_list and (line[0].isspace() or _ITEM.match(line) is not None)

    def _draw(self) -> None:
        if any(line.strip() for line in self._block):
            write_markdown(self._console, "\n".join(self._block))
        self._block = []
