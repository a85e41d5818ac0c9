"""Time, chance and fresh identifiers, asked for at the boundary, to be frozen and replayed.

Whoever writes one of them into a prompt asks here. ``monotonic`` and ``sleep`` follow recorded
time while a recording is replayed: a replayed run lasts as long as the real one, without waiting.
"""

from __future__ import annotations

import asyncio
import datetime
import random as _random
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from agentlab.boundary import Call, across, cross

T = TypeVar("T")


class Clock:
    """The target of all calls of kind ``clock``."""

    def __repr__(self) -> str:
        return "clock"


CLOCK = Clock()


def _ask(method: str, read: Callable[[], T], **arguments: Any) -> T:
    return cross(Call("clock", CLOCK, method, arguments), read)


def now() -> datetime.datetime:
    """The time, in UTC."""
    return _ask("now", lambda: datetime.datetime.now(datetime.UTC))


def uuid4() -> uuid.UUID:
    """A fresh identifier."""
    return _ask("uuid4", uuid.uuid4)


def random() -> float:
    """A number of at least 0 and less than 1. Not for secrets."""
    return _ask("random", _random.random)


def monotonic() -> float:
    """Seconds that only grow, from an arbitrary start."""
    return _ask("monotonic", time.monotonic)


def sleep(seconds: float) -> None:
    """Wait ``seconds``."""
    _ask("sleep", lambda: time.sleep(seconds), seconds=seconds)


async def asleep(seconds: float) -> None:
    """Wait ``seconds``, without holding up the event loop."""
    wait: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(seconds)  # noqa: E731
    await across(Call("clock", CLOCK, "sleep", {"seconds": seconds}), wait)
