"""Frozen time, identifiers and chance; the clock in a recording."""

from __future__ import annotations

import datetime
import uuid
from pathlib import Path
from typing import Any

from agentlab import clock
from agentlab.boundary import handling
from agentlab.recording import Freeze, cassette, load

MORNING = datetime.datetime(2026, 1, 5, 9, tzinfo=datetime.UTC)


def sample() -> list[Any]:
    return [clock.now(), clock.uuid4(), clock.uuid4(), clock.random(), clock.random()]


def test_frozen_values() -> None:
    with handling(Freeze(time=MORNING, uuid="seq", random=7)):
        first = sample()
        clock.sleep(90)
        assert clock.now() == MORNING + datetime.timedelta(seconds=90)
    assert first[:3] == [MORNING, uuid.UUID(int=1), uuid.UUID(int=2)]
    with handling(Freeze(time=datetime.datetime(2026, 1, 5, 9), uuid="seq", random=7)):
        assert sample() == first
    with handling(Freeze(random=8)):
        assert sample()[3:] != first[3:]


async def test_frozen_sleep_does_not_wait_in_async() -> None:
    with handling(Freeze(time=MORNING)):
        await clock.asleep(3600)
        assert clock.now() == MORNING + datetime.timedelta(hours=1)


def test_what_is_not_frozen_passes() -> None:
    with handling(Freeze(time=MORNING)):
        assert clock.uuid4() != clock.uuid4()
        assert clock.random() != clock.random()
        assert clock.monotonic() <= clock.monotonic()


def test_frozen_values_are_not_recorded(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    with handling(Freeze(time=MORNING, uuid="seq", random=7)), cassette(path, mode="all"):
        sample()
    assert load(path).steps == []


def test_the_clock_replays(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    with cassette(path, mode="all"):
        first = sample()
        clock.sleep(0)
        clock.monotonic()
    assert [s.target for s in load(path).steps] == ["now", "uuid4", "uuid4", "random", "random"]
    with cassette(path, mode="none"):
        assert sample() == first
