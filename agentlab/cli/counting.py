"""A line on a terminal's stderr that counts what is done."""

from __future__ import annotations

import time

from agentlab.cli.console import Console

_EVERY = 0.1  # seconds


class Counting:
    """``embedding 64 of 1,033 chunks, 12 a second``: moves on a terminal, silent elsewhere."""

    def __init__(self, console: Console, doing: str, things: str) -> None:
        self._console = console
        self._doing, self._things = doing, things
        self._began = self._last = time.monotonic()
        self._shown = False

    def __call__(self, done: int, total: int) -> None:
        """``done`` of ``total`` are done."""
        now = time.monotonic()
        if not self._console.err.isatty() or (now - self._last < _EVERY and done < total):
            return
        self._last = now
        rate = done / max(now - self._began, 1e-9)
        left = f", {(total - done) / rate:,.0f} s left" if done < total else ""
        line = f"{self._doing} {done:,} of {total:,} {self._things}{left}"
        self._console.err.write(f"\r\x1b[K{line}")
        self._console.err.flush()
        self._shown = True

    def close(self) -> None:
        """Take the line away."""
        if self._shown:
            self._console.err.write("\r\x1b[K")
            self._console.err.flush()
