"""How many threads: the logic, on measurements that are made up."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from agentlab.engine import threads
from agentlab.engine.threads import Threads, idle_cores, usable_cores


def drive(counter: Threads, cost: dict[int, float], rounds: int, idle: int = 8) -> list[int]:
    """The counts used while an evaluation with n threads takes ``cost[n]`` seconds."""
    now, used = 0.0, []
    for _ in range(rounds):
        used.append(counter.count)
        now += cost[counter.count]
        counter.record(1, cost[counter.count], now, idle)
    return used


def test_grows_while_it_pays() -> None:
    counter = Threads(8)
    assert counter.count == 1
    assert drive(counter, {1: 1.0, 2: 0.5, 4: 0.3, 8: 0.2}, 5) == [1, 2, 4, 8, 8]


def test_never_over_most() -> None:
    assert drive(Threads(3), {1: 1.0, 2: 0.5, 3: 0.4}, 5) == [1, 2, 3, 3, 3]


def test_falls_back_where_more_is_slower_and_waits_before_it_tries_again() -> None:
    counter = Threads(2)
    used = drive(counter, {1: 0.1, 2: 5.0}, 40)
    assert used[:3] == [1, 2, 1]
    # Twice the patience each time: fewer and fewer tries.
    tries = [i for i, count in enumerate(used) if count == 2]
    gaps = [b - a for a, b in pairwise(tries)]
    assert gaps == sorted(gaps)
    assert len(tries) < 6


def test_goes_up_again_when_it_pays_again() -> None:
    counter = Threads(2)
    drive(counter, {1: 0.1, 2: 5.0}, 10)
    assert drive(counter, {1: 0.1, 2: 0.05}, 600)[-1] == 2


def test_never_over_the_idle_cores() -> None:
    assert drive(Threads(8), {1: 1.0, 2: 0.5}, 4, idle=2) == [1, 2, 2, 2]
    assert set(drive(Threads(8), {1: 1.0}, 4, idle=0)) == {1}


def test_falls_at_once_when_others_come(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Threads(8)
    drive(counter, {1: 1.0, 2: 0.5, 4: 0.3, 8: 0.2}, 4)
    monkeypatch.setattr(threads, "idle_cores", lambda: 3)
    with counter.evaluating(1) as count:
        assert count == 2


def test_pieces_of_other_sizes_are_not_compared() -> None:
    counter = Threads(2)
    counter.record(1, 0.1, 0.1, 8)
    counter.record(64, 5.0, 5.1, 8)  # slower than one token, of course
    assert counter.count == 2


def test_a_fixed_count_stays() -> None:
    counter = Threads(4, fixed=True)
    with counter.evaluating(64) as count:
        assert count == 4
    assert counter.count == 4


@pytest.mark.parametrize("text", ["", "x", "0.1 0.2 0.3 nonsense", "1 2 3"])
def test_a_system_that_does_not_tell(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = tmp_path / "loadavg"
    load.write_text(text)
    monkeypatch.setattr(threads, "_LOAD", load)
    assert idle_cores() == usable_cores()
    monkeypatch.setattr(threads, "_LOAD", load.with_name("none"))
    assert idle_cores() == usable_cores()


@pytest.mark.parametrize(
    ("running", "usable", "all_cores", "idle"),
    [(1, 4, 4, 4), (3, 4, 4, 2), (9, 4, 4, -4), (50, 2, 64, 2), (1, 2, 64, 2)],
)
def test_idle_cores(
    running: int,
    usable: int,
    all_cores: int,
    idle: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load = tmp_path / "loadavg"
    load.write_text(f"1.00 1.00 1.00 {running}/300 12345\n")
    monkeypatch.setattr(threads, "_LOAD", load)
    monkeypatch.setattr(threads, "usable_cores", lambda: usable)
    monkeypatch.setattr(threads.os, "cpu_count", lambda: all_cores)
    assert idle_cores() == idle
