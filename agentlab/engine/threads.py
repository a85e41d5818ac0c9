"""How many threads the next evaluation uses.

llama.cpp's threads wait for each other hundreds of times a token, spinning. Where another program
takes one of their cores, two threads are not twice as fast as one but up to a hundred times slower.
So the count begins at 1, never goes over the cores that are idle now, grows while that pays, and
falls where it does not. It does not change results (flash attention would make it, and is off on
the CPU).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PATIENCE = 0.5, 60.0  # seconds before more threads are tried again: at first, and at most
_SLOWER = 1.1
_WEIGHT = 0.3  # of the newest measurement in the running mean
_LOAD = Path("/proc/loadavg")


class Threads:
    """A count from 1 to ``most``, chosen by measurement; always ``most`` where ``fixed``."""

    def __init__(self, most: int, *, fixed: bool = False) -> None:
        self._fixed = fixed or most == 1
        self._most = most
        self.count = most if self._fixed else 1
        self._seconds: dict[tuple[int, int], float] = {}
        self._patience = _PATIENCE[0]
        self._again_at = 0.0

    @contextmanager
    def evaluating(self, tokens: int) -> Iterator[int]:
        """Measure the evaluation of ``tokens`` tokens in the block; gives the count to use."""
        if self._fixed:
            yield self.count
            return
        idle = idle_cores()
        while self.count > max(idle, 1):
            self.count //= 2
        began = time.perf_counter()
        yield self.count
        now = time.perf_counter()
        self.record(tokens, now - began, now, idle)

    def record(self, tokens: int, seconds: float, now: float, idle: int) -> None:
        """Learn from an evaluation that took ``seconds`` and ended at ``now``."""
        key = (self.count, tokens)
        known = self._seconds.get(key, seconds)
        self._seconds[key] = known + _WEIGHT * (seconds - known)
        fewer = self._seconds.get((self.count // 2, tokens))
        if fewer is not None:
            if seconds > _SLOWER * fewer:
                self.count //= 2
                self._again_at = now + self._patience
                self._patience = min(2 * self._patience, _PATIENCE[1])
                return
            self._patience = _PATIENCE[0]
        if now >= self._again_at:
            self.count = min(2 * self.count, self._most, max(idle, 1))


def idle_cores() -> int:
    """How many usable cores nobody but this thread runs on; all where the system does not tell.

    The system counts what runs on all its cores, so a process held to a few of them is told more
    than there is at worst: measuring puts that right.
    """
    try:
        running = int(_LOAD.read_text().split()[3].split("/")[0])
    except (OSError, ValueError, IndexError):
        return usable_cores()
    return min(usable_cores(), (os.cpu_count() or 1) - max(running - 1, 0))


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
