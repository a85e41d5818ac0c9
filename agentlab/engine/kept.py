"""Prompts read earlier, set aside in host memory, so that a context can go back to one of them.

A context has one sequence, whose tokens lie in its KV cache in the order of their positions: where
several share a cache, sums run over its cells in another order and round otherwise. So a sequence
that makes way for another is copied out, and copied back when a prompt begins like it: two copies
take milliseconds, reading takes seconds, and the bits are the same. The least recently used are
dropped first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

KEPT_BYTES = 256 * 1024**2
_WORTH = 16  # a copy of n tokens must save the reading of n / _WORTH


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """One sequence: ``tokens`` and llama.cpp's ``state`` of them.

    The first ``exact`` tokens were read in whole pieces. ``logits`` are those after the last token,
    where ``tokens`` are a prompt, all of it.
    """

    tokens: NDArray[np.int32]
    exact: int
    state: NDArray[np.uint8]
    logits: NDArray[np.float32] | None = None

    @property
    def size(self) -> int:
        """Bytes of memory."""
        return (
            self.state.nbytes
            + self.tokens.nbytes
            + (0 if self.logits is None else self.logits.nbytes)
        )

    def usable(self, tokens: NDArray[np.int32], piece: int) -> int:
        """With how many of ``tokens`` a prompt could begin from here."""
        whole = self.logits is not None and len(tokens) == len(self.tokens)
        if whole and common_prefix(self.tokens, tokens) == len(tokens):
            return len(tokens)
        common = common_prefix(self.tokens[: self.exact], tokens[:-1])
        return common - common % piece


@dataclass(frozen=True, slots=True)
class KeptTotals:
    """What is set aside: sequences, their tokens, bytes, and the most bytes there may be."""

    sequences: int
    tokens: int
    bytes: int
    limit: int


class Shelf:
    """Sequences set aside, at most ``limit`` bytes of them. For one thread at a time."""

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self.limit = limit
        self._kept: list[Kept] = []  # least recently used first

    def best(self, tokens: NDArray[np.int32], piece: int, own: int) -> Kept | None:
        """The sequence that saves the most reading, if it saves a piece over ``own`` tokens."""
        best, most = None, own + piece - 1
        for kept in self._kept:
            usable = kept.usable(tokens, piece)
            if usable > most and (usable - own) * _WORTH >= len(kept.tokens):
                best, most = kept, usable
        if best is not None:
            self._kept.append(self._kept.pop(self._index(best)))
        return best

    def covers(self, tokens: NDArray[np.int32]) -> bool:
        """Whether a sequence that begins with all of ``tokens``, exactly, is here."""
        return any(common_prefix(k.tokens[: k.exact], tokens) == len(tokens) for k in self._kept)

    def room_for(self, size: int) -> bool:
        """Make room for ``size`` bytes; False where there can never be."""
        if size > self.limit:
            return False
        while self._kept and self.bytes + size > self.limit:
            del self._kept[0]
        return True

    def put(self, kept: Kept) -> None:
        """Keep a sequence, in place of those that are its beginning."""
        exact = kept.tokens[: kept.exact]
        self._kept = [k for k in self._kept if common_prefix(k.tokens[: k.exact], exact) < k.exact]
        if self.room_for(kept.size):
            self._kept.append(kept)

    def clear(self) -> None:
        """Drop all."""
        self._kept.clear()

    @property
    def bytes(self) -> int:
        """How much memory they take."""
        return sum(kept.size for kept in self._kept)

    @property
    def totals(self) -> KeptTotals:
        """What is here."""
        tokens = sum(len(kept.tokens) for kept in self._kept)
        return KeptTotals(len(self._kept), tokens, self.bytes, self.limit)

    def _index(self, wanted: Kept) -> int:
        return next(i for i, kept in enumerate(self._kept) if kept is wanted)


def common_prefix(one: NDArray[np.int32], other: NDArray[np.int32]) -> int:
    """With how many equal tokens both begin."""
    size = min(len(one), len(other))
    differ = np.flatnonzero(one[:size] != other[:size])
    return int(differ[0]) if len(differ) else size
