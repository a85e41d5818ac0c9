"""From token pieces (bytes) to text: whole UTF-8 characters, cut before a stop string."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class TextStream:
    """Turns pieces into text that may be shown at once.

    A piece may end inside a character, and a stop string may lie across pieces: what could still
    become either is held back until it is decided.
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = [s for s in stop if s]
        self._longest = max((len(s) for s in self._stop), default=0)
        self._held = ""
        self.stopped = False

    def feed(self, piece: bytes) -> str:
        """Take the next piece; return what can be shown now. Sets ``stopped`` at a stop string."""
        return self._release(self._decoder.decode(piece))

    def finish(self) -> str:
        """Return what was still held back: an answer that ends may end in part of a stop string."""
        if self.stopped:
            return ""
        text = self._release(self._decoder.decode(b"", final=True))
        held, self._held = ("", "") if self.stopped else (self._held, "")
        return text + held

    def _release(self, text: str) -> str:
        if not self._stop:
            return text
        self._held += text
        found = [at for s in self._stop if (at := self._held.find(s)) >= 0]
        if found:
            self.stopped = True
            shown, self._held = self._held[: min(found)], ""
            return shown
        keep = self._undecided()
        cut = len(self._held) - keep
        shown, self._held = self._held[:cut], self._held[cut:]
        return shown

    def _undecided(self) -> int:
        """How many characters at the end of the held text begin some stop string."""
        for size in range(min(self._longest - 1, len(self._held)), 0, -1):
            tail = self._held[-size:]
            if any(s.startswith(tail) for s in self._stop):
                return size
        return 0
