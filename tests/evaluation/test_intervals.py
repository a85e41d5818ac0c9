"""Bootstrap intervals and paired comparisons."""

from __future__ import annotations

import random

import pytest

from agentlab.errors import EvaluationError
from agentlab.evaluation import Report, compare, mean_interval
from agentlab.evaluation.intervals import gains_of


def named(values: list[float]) -> dict[str, float]:
    return {f"q{n}": value for n, value in enumerate(values)}


def test_the_same_seed_gives_the_same_interval() -> None:
    generator = random.Random(1)
    values = [generator.random() for _ in range(50)]
    assert mean_interval(values, seed=3) == mean_interval(values, seed=3)
    assert mean_interval(values, seed=3) != mean_interval(values, seed=4)


def test_the_interval_is_the_normal_one_where_there_is_much() -> None:
    generator = random.Random(2)
    values = [generator.gauss(0.5, 0.1) for _ in range(2_000)]
    found = mean_interval(values)
    assert found.low < found.mean < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.1 / 2_000**0.5, rel=0.1)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    generator = random.Random(3)
    held = 0
    for seed in range(200):
        sample = [generator.random() for _ in range(40)]
        found = mean_interval(sample, resamples=500, seed=seed)
        held += found.low <= 0.5 <= found.high
    assert 178 <= held <= 199  # of 200, 190 on average


def test_a_clear_gain_is_significant_and_its_mirror_too() -> None:
    generator = random.Random(4)
    a = named([generator.random() * 0.5 for _ in range(40)])
    b = {query: value + 0.1 + generator.random() * 0.1 for query, value in a.items()}
    gain, loss = compare(a, b), compare(b, a)
    assert gain.significant
    assert 0.1 < gain.low < gain.difference < gain.high < 0.2
    assert gain.p < 0.001
    assert (gain.better, gain.worse, gain.equal) == (40, 0, 0)
    assert loss.significant
    assert loss.difference == pytest.approx(-gain.difference)


def test_noise_is_seldom_significant() -> None:
    generator = random.Random(5)
    false = 0
    for seed in range(200):
        a = named([generator.random() for _ in range(20)])
        b = named([generator.random() for _ in range(20)])
        false += compare(a, b, resamples=500, seed=seed).significant
    assert false <= 20  # of 200, 10 on average


def test_few_questions_are_never_enough() -> None:
    # All three better: the bootstrap alone would call it sure. Of 8 signs, 2 are as extreme.
    found = compare(named([0, 0, 0]), named([0.2, 0.3, 0.4]))
    assert found.low > 0
    assert found.p == 0.25
    assert not found.significant


def test_no_difference() -> None:
    found = compare(named([0.1, 0.3]), named([0.1, 0.1 + 0.2]))  # 0.30000000000000004
    assert (found.difference, found.p, found.significant, found.equal) == (0, 1, False, 2)


def test_what_cannot_be_compared() -> None:
    with pytest.raises(EvaluationError, match="'q1' is in one"):
        compare(named([1]), named([1, 1]))
    with pytest.raises(EvaluationError, match="at least one value"):
        mean_interval([])
    with pytest.raises(EvaluationError, match="level 95 is not between 0 and 1"):
        mean_interval([1.0], level=95)


def test_a_report() -> None:
    report = Report({"map": {"a": 0.5, "b": 1.0}, "f1": {"b": 0.0}})
    assert report.mean("map") == 0.75
    assert report.interval("map").mean == 0.75
    assert report.rows() == [
        {"query": "a", "map": 0.5, "f1": None},
        {"query": "b", "map": 1.0, "f1": 0.0},
    ]
    with pytest.raises(EvaluationError, match="no measure 'mpa'") as error:
        report.mean("mpa")
    assert error.value.hint == "did you mean 'map'?"


def test_the_best_of_many_is_corrected_for_their_number() -> None:
    """Where nothing gains, some of 8 ways look good to a test of one in more than 5 of 100 runs."""
    generator = random.Random(0)
    runs, alone, together = 100, 0, 0
    for _ in range(runs):
        before = {f"q{n}": 0.5 for n in range(30)}
        ways = [{q: 0.5 + generator.gauss() for q in before} for _ in range(8)]
        together += min(gains_of(before, ways, resamples=400)) < 0.05
        alone += min(gains_of(before, [way], resamples=400)[0] for way in ways) < 0.05
    assert alone > 20
    assert together <= 10  # 5 are expected


def test_a_gain_among_many_is_found() -> None:
    before = {f"q{n}": 0.5 for n in range(30)}
    good = dict.fromkeys(before, 0.9)
    worse = dict.fromkeys(before, 0.1)
    chances = gains_of(before, [worse, good, dict(before)])
    assert chances[1] < 0.001
    assert chances[0] > 0.9
    assert chances[2] > 0.5
    with pytest.raises(EvaluationError, match="'q0' is in one"):
        gains_of(before, [dict.fromkeys(list(before)[1:], 1.0)])
