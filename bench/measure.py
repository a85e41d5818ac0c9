"""Two ways of doing one thing, measured in turn in one process, so that a busy machine or a warm
cache meets both alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Seconds of each round: ``ours[i]`` and ``theirs[i]`` were measured one after the other.

    ``target`` says in words what is wanted and ``met`` whether it was; ``note`` is what the reader
    must know besides.
    """

    name: str
    ours: list[float]
    theirs: list[float]
    target: str = ""
    met: bool | None = None
    note: str = ""

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios, ours by theirs."""
        return statistics.median(a / b for a, b in zip(self.ours, self.theirs, strict=True))

    @property
    def differences(self) -> list[float]:
        """Ours less theirs, round by round, in seconds."""
        return [a - b for a, b in zip(self.ours, self.theirs, strict=True)]


def side_by_side(
    ours: Callable[[int], object],
    theirs: Callable[[int], object],
    rounds: int,
    clock: Clock = time.perf_counter,
) -> tuple[list[float], list[float], int]:
    """Run both ``rounds`` times, in alternating order, each given the number of the round.

    Returns:
        The seconds of each, and in how many rounds both returned the same. A first round warms up
        and is not counted.
    """
    seconds: tuple[list[float], list[float]] = ([], [])
    same = 0
    for number in range(rounds + 1):
        results: dict[int, object] = {}
        for which in (0, 1) if number % 2 else (1, 0):
            start = clock()
            results[which] = (ours, theirs)[which](number)
            if number:
                seconds[which].append(clock() - start)
        same += number > 0 and results[0] == results[1]
    return (*seconds, same)


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """The lower quartile, the median and the upper quartile."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high
