"""Intervals and tests for shares of right answers."""

from __future__ import annotations

import math


def wilson(right: int, count: int) -> tuple[float, float]:
    """The 95 % interval of ``right`` of ``count`` (Wilson 1927)."""
    z = 1.96
    share, scale = right / count, 1 + z * z / count
    middle = share + z * z / (2 * count)
    reach = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (middle - reach) / scale, (middle + reach) / scale


def sign_test(better: int, worse: int) -> float:
    """How likely a split as uneven as this is by chance (two-sided; McNemar's exact test)."""
    count = better + worse
    tail = sum(math.comb(count, k) for k in range(min(better, worse) + 1))
    return min(1.0, 2 * tail / float(2**count))
