"""How many sequences a step decodes together, where more of them wait for their next token.

On a CPU a step of two sequences costs 1.4 to 2.5 of one, of eight sometimes more than of six: it
depends on the quantization, the threads and the machine. So each count is tried on real work, and
that is taken which decodes the most tokens a second.
"""

from __future__ import annotations

_TRIES = 2
_COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
_AGAIN = 128  # choices after which the one measured longest ago is measured anew
_WEIGHT = 0.3  # of the newest measurement in the running mean
_BETTER = 1.02  # how much faster more sequences must be


class Widths:
    """Steps measured by their number of sequences and of threads."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[int, int], float] = {}
        self._tries: dict[tuple[int, int], int] = {}
        self._last: dict[tuple[int, int], int] = {}
        self._choices = 0

    def choose(self, ready: int, threads: int) -> int:
        """How many of ``ready`` (at least one) sequences to decode in the next step."""
        if ready == 1:
            return 1
        self._choices += 1
        counts = sorted({ready, *(count for count in _COUNTS if count < ready)})
        keys = [(count, threads) for count in counts]
        untried = [key for key in keys if self._tries.get(key, 0) < _TRIES]
        if untried:
            return untried[-1][0]
        if self._choices % _AGAIN == 0:
            return min(keys, key=lambda key: self._last[key])[0]
        best = keys[0]
        for key in keys[1:]:
            if self._rate(key) > _BETTER * self._rate(best):
                best = key
        return best[0]

    def record(self, count: int, threads: int, seconds: float) -> None:
        """Learn from a step that decoded ``count`` sequences, one token each."""
        key = (count, threads)
        known = self._seconds.get(key, seconds)
        # The first of a count pays for memory that llama.cpp sets up then.
        if self._tries.get(key, 0) < _TRIES:
            self._seconds[key] = min(known, seconds)
        elif self._choices - self._last[key] >= _AGAIN:
            self._seconds[key] = seconds
        else:
            self._seconds[key] = known + _WEIGHT * (seconds - known)
        self._tries[key] = self._tries.get(key, 0) + 1
        self._last[key] = self._choices

    def _rate(self, key: tuple[int, int]) -> float:
        return key[0] / self._seconds[key]
