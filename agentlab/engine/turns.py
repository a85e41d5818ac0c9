"""Whose turn it is: requests share one context by turns of some seconds.

A request that runs when another waits gives way after its turn, between two tokens or two pieces
of a prompt: its sequence is copied out, and back when its turn comes again, so that it goes on with
the same bits. Few are under way at once, since each holds such a copy; the others wait in line.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from agentlab.engine.context import Context, Suspended
from agentlab.engine.decoding import Request

TURN = 2.0  # seconds: two copies take some hundredths of a second at most
UNDER_WAY = 4
END = object()  # after the last thing that a job yields

Work = Callable[[Context], Iterator[Any]]


class Job:
    """A piece of work for the engine's thread: what it yields goes to ``put``, then ``END``.

    It yields None where it may give way without having anything to tell.
    """

    def __init__(
        self, work: Work, put: Callable[[Any], Any], request: Request | None = None
    ) -> None:
        self.work = work
        self.put = put
        self.request = request  # where the work is to decode it
        self.cancelled = False
        self.steps: Iterator[Any] | None = None
        self.suspended: Suspended | None = None


class Line:
    """The jobs that wait, first come, first served. Whoever shares it between threads locks it."""

    def __init__(self) -> None:
        self._jobs: deque[Job] = deque()

    def add(self, job: Job) -> None:
        """A new job, or one that gave way."""
        self._jobs.append(job)

    def next(self, *, alone_only: bool = False) -> Job | None:
        """Take out the first; a new one only while few are under way.

        ``alone_only``: none that is a request to decode, since they have no room for more.
        """
        few = sum(job.steps is not None for job in self._jobs) < UNDER_WAY
        for index, job in enumerate(self._jobs):
            if alone_only and job.request is not None:
                continue
            if few or job.steps is not None:
                del self._jobs[index]
                return job
        return None

    def __bool__(self) -> bool:
        return bool(self._jobs)

    @property
    def suspended_bytes(self) -> int:
        """What the sequences of those that gave way take."""
        return sum(job.suspended.size for job in self._jobs if job.suspended is not None)

    def clear(self) -> list[Job]:
        """Take all out."""
        jobs = list(self._jobs)
        self._jobs.clear()
        return jobs


class Turn:
    """How long one has run."""

    def __init__(self, seconds: float = TURN) -> None:
        self._end = time.monotonic() + seconds

    @property
    def over(self) -> bool:
        """Whether another may have the context now."""
        return time.monotonic() >= self._end
