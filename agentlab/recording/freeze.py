"""A clock that stands still, identifiers that count, chance from a seed."""

from __future__ import annotations

import datetime
import random
import threading
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from agentlab.boundary import Call, Handler


class Freeze(Handler):
    """Answers the calls of :mod:`agentlab.clock` that are frozen; the others pass.

    ``time`` is what ``now()`` says, moved on by ``sleep()``, which does not wait; without a zone it
    is UTC. ``uuid="seq"`` counts identifiers from 1. ``random`` seeds the numbers. Install it
    outside a tape, so that frozen values are not recorded::

        with handling(Freeze(time=...)), cassette(path):
            ...
    """

    def __init__(
        self,
        time: datetime.datetime | None = None,
        uuid: Literal["seq"] | None = None,
        random: int | None = None,
    ) -> None:
        if time is not None and time.tzinfo is None:
            time = time.replace(tzinfo=datetime.UTC)
        self._time = time
        self._sequence = uuid == "seq"
        self._seed = random
        self._lock = threading.Lock()
        self._count = 0
        self._random = _generator(random)

    def call(self, call: Call, proceed: Callable[[], Any]) -> Any:
        """See :class:`~agentlab.boundary.Handler`."""
        if call.kind == "clock" and self._answers(call.method):
            return self._answer(call)
        return proceed()

    async def acall(self, call: Call, proceed: Callable[[], Awaitable[Any]]) -> Any:
        """See :class:`~agentlab.boundary.Handler`."""
        if call.kind == "clock" and self._answers(call.method):
            return self._answer(call)
        return await proceed()

    def _answers(self, method: str) -> bool:
        if method in ("now", "sleep"):
            return self._time is not None
        return (method == "uuid4" and self._sequence) or (
            method == "random" and self._seed is not None
        )

    def _answer(self, call: Call) -> Any:
        with self._lock:
            if call.method == "random":
                return self._random.random()
            if call.method == "uuid4":
                self._count += 1
                return uuid.UUID(int=self._count)
            assert self._time is not None
            if call.method == "sleep":
                self._time += datetime.timedelta(seconds=call.arguments["seconds"])
                return None
            return self._time


def _generator(seed: int | None) -> random.Random:
    return random.Random(seed)  # noqa: S311
