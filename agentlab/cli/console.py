"""What goes to stdout and stderr. Answers go to stdout, and nothing else does."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from agentlab.safe_text import SafeText, visible


class Console:
    """The process's two streams.

    Text from outside is made harmless where it meets a terminal; a file or pipe gets it as it is.
    """

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.out = out or sys.stdout
        self.err = err or sys.stderr
        self._safe = SafeText()
        self._at_line_start = True

    @property
    def out_is_terminal(self) -> bool:
        """Whether a person reads the answers."""
        return _is_terminal(self.out)

    @property
    def interactive(self) -> bool:
        """Whether both streams are a terminal, so that headings and progress make sense."""
        return self.out_is_terminal and _is_terminal(self.err)

    def answer(self, text: str) -> None:
        """Write ``text``, as a part of an answer, to stdout at once."""
        if not text:
            return
        self._at_line_start = text.endswith("\n")
        self.out.write(self._safe.feed(text) if self.out_is_terminal else text)
        self.out.flush()

    def end_line(self) -> None:
        """End the answer's line, if it is not ended."""
        if self.out_is_terminal:
            self.out.write(self._safe.finish())
        if not self._at_line_start:
            self.out.write("\n")
        self._at_line_start = True
        self.out.flush()

    def line(self, text: str) -> None:
        """Write ``text`` and a newline to stdout."""
        self.answer(text)
        self.end_line()

    def note(self, text: str, *, style: str = "") -> None:
        """Write a line to stderr; ``style`` is ``dim``, ``bold``, ``red`` or nothing."""
        self.out.flush()
        if _is_terminal(self.err):
            text = styled(visible(text), style, self.err)
        self.err.write(text + "\n")
        self.err.flush()


_STYLES = {"bold": "1", "dim": "2", "red": "31"}


def styled(text: str, style: str, stream: TextIO) -> str:
    """``text`` in ``style`` where ``stream`` shows styles (NO_COLOR and TERM=dumb say no)."""
    if not style or not shows_styles(stream):
        return text
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"


def shows_styles(stream: TextIO) -> bool:
    """Whether ``stream`` is a terminal that shows styles and whose user wants them."""
    return (
        _is_terminal(stream)
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM", "") not in ("", "dumb")
    )


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False
