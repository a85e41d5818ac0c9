"""How many sequences are decoded together: as many as pay by what was measured."""

from __future__ import annotations

from agentlab.engine.widths import Widths


def learned(seconds: dict[int, float], ready: int) -> tuple[Widths, list[int]]:
    widths, chosen = Widths(), []
    for _ in range(60):
        count = widths.choose(ready, 1)
        chosen.append(count)
        widths.record(count, 1, seconds[count])
    return widths, chosen


def test_one_by_one_where_together_is_slower() -> None:
    seconds = {1: 1.0, 2: 2.4, 3: 3.8, 4: 4.3}
    widths, chosen = learned(seconds, 4)
    assert chosen[20:] == [1] * 40
    assert widths.choose(2, 1) == 1


def test_together_where_it_pays_and_no_more_than_that() -> None:
    seconds = {1: 1.0, 2: 1.43, 3: 1.99, 4: 2.22, 6: 3.61, 8: 7.17}
    widths, chosen = learned(seconds, 8)
    assert chosen[20:] == [4] * 40
    assert widths.choose(3, 1) == 3


def test_each_count_is_tried_and_measured_anew_later() -> None:
    widths, chosen = learned({1: 1.0, 2: 1.1, 3: 3.0}, 3)
    assert set(chosen) == {1, 2, 3}
    for _ in range(400):  # three have become cheap meanwhile
        count = widths.choose(3, 1)
        widths.record(count, 1, {1: 1.0, 2: 1.1, 3: 1.2}[count])
    assert widths.choose(3, 1) == 3


def test_other_threads_are_another_measurement() -> None:
    widths, _ = learned({1: 1.0, 2: 2.4}, 2)
    assert widths.choose(2, 1) == 1
    assert widths.choose(2, 2) == 2  # not tried yet


def test_alone_there_is_nothing_to_choose() -> None:
    assert Widths().choose(1, 1) == 1
