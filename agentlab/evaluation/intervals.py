"""How sure a mean is, and whether one is above another: the bootstrap, and random signs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentlab.errors import EvaluationError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RESAMPLES = 10_000
_BLOCK = 1_000_000  # numbers drawn at once


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, and the bounds between which it lies at the level asked for."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """B less A on the same questions.

    ``difference`` is the mean, ``low`` and ``high`` its bootstrap interval, ``p`` the probability
    of one as far from 0 if A and B did not differ (two-sided), ``significant`` whether p is below
    1 - level and the interval leaves out 0. ``better``, ``worse`` and ``equal`` count questions.
    """

    difference: float
    low: float
    high: float
    p: float
    significant: bool
    better: int
    worse: int
    equal: int


def mean_interval(
    values: Sequence[float], *, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """The mean with its percentile bootstrap interval (Efron 1979); same seed, same interval.

    Raises:
        EvaluationError: there are no values, or the level is not between 0 and 1.
    """
    import numpy as np

    sample = _checked(values, level)
    means = _resampled(sample, resamples, np.random.default_rng(seed))
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(sample.mean()), float(low), float(high))


def compare(
    a: Mapping[str, float],
    b: Mapping[str, float],
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Whether ``b`` is above ``a``, question by question: a paired test.

    The interval is a bootstrap over the questions; p is Fisher's randomisation test, which turns
    the sign of each difference at random (all combinations where there are few): the two that
    Smucker, Allan and Carterette (CIKM 2007) recommend for retrieval.

    Raises:
        EvaluationError: the two do not have the same questions, or have none.
    """
    import numpy as np

    if a.keys() != b.keys():
        odd = min(a.keys() ^ b.keys())
        raise EvaluationError(f"two results to compare need the same questions: {odd!r} is in one")
    differences = [b[query] - a[query] for query in sorted(a)]
    sample = _checked(differences, level)
    sample[np.abs(sample) < 1e-12] = 0  # rounding is no difference
    interval = mean_interval(sample.tolist(), level=level, resamples=resamples, seed=seed)
    p = _random_signs(sample, resamples, np.random.default_rng(seed + 1))
    return Comparison(
        difference=interval.mean,
        low=interval.low,
        high=interval.high,
        p=p,
        significant=p < 1 - level and not interval.low <= 0 <= interval.high,
        better=int((sample > 0).sum()),
        worse=int((sample < 0).sum()),
        equal=int((sample == 0).sum()),
    )


def gains_of(
    before: Mapping[str, float],
    after: Sequence[Mapping[str, float]],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> list[float]:
    """For each of ``after`` the probability that chance alone lets any of them gain as much.

    One-sided, and corrected for the number of them: the randomisation test of :func:`compare` on
    the largest gain, the signs of a question turned for all at once (the maxT procedure of Westfall
    and Young, "Resampling-Based Multiple Testing", 1993). A gain is measured by its t-statistic.

    Raises:
        EvaluationError: they do not have the same questions, or there are none.
    """
    import numpy as np

    for other in after:
        if other.keys() != before.keys():
            odd = min(before.keys() ^ other.keys())
            raise EvaluationError(
                f"two results to compare need the same questions: {odd!r} is in one"
            )
    names = sorted(before)
    rows = [[other[name] - before[name] for name in names] for other in after]
    gains = np.array([_checked(row, 0.5) for row in rows])
    gains[np.abs(gains) < 1e-12] = 0
    lengths = np.sqrt((gains**2).sum(axis=1, keepdims=True))
    gains = np.divide(gains, lengths, out=np.zeros_like(gains), where=lengths > 0)
    observed = gains.sum(axis=1) - 1e-9
    generator = np.random.default_rng(seed)
    step = max(1, _BLOCK // len(names))
    extreme = np.zeros(len(gains))
    for at in range(0, resamples, step):
        signs = 1 - 2 * generator.integers(0, 2, (min(step, resamples - at), len(names)))
        largest = (signs @ gains.T).max(axis=1)
        extreme += (largest[:, None] >= observed).sum(axis=0)
    found: list[float] = ((extreme + 1) / (resamples + 1)).tolist()
    return found


def _checked(values: Sequence[float], level: float) -> NDArray[np.float64]:
    import numpy as np

    if not 0 < level < 1:
        raise EvaluationError(f"the level {level} is not between 0 and 1")
    if not len(values):
        raise EvaluationError("an interval needs at least one value")
    return np.asarray(values, dtype=np.float64)


def _resampled(
    sample: NDArray[np.float64], resamples: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    import numpy as np

    count = len(sample)
    step = max(1, _BLOCK // count)
    return np.concatenate(
        [
            sample[generator.integers(0, count, (min(step, resamples - at), count))].mean(axis=1)
            for at in range(0, resamples, step)
        ]
    )


def _random_signs(
    sample: NDArray[np.float64], resamples: int, generator: np.random.Generator
) -> float:
    import numpy as np

    sample = sample[sample != 0]  # a sign changes nothing there
    count = len(sample)
    if not count:
        return 1.0
    observed = abs(sample.sum()) - 1e-9
    if 2**count <= resamples:
        signs = 1 - 2 * ((np.arange(2**count)[:, None] >> np.arange(count)) & 1)
        return float((np.abs(signs @ sample) >= observed).mean())
    step = max(1, _BLOCK // count)
    extreme = 0
    for at in range(0, resamples, step):
        signs = 1 - 2 * generator.integers(0, 2, (min(step, resamples - at), count))
        extreme += int((np.abs(signs @ sample) >= observed).sum())
    return (extreme + 1) / (resamples + 1)
