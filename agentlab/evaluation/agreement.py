"""How far a measure agrees with people."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from agentlab.errors import EvaluationError


@dataclass(frozen=True, slots=True)
class Agreement:
    """``auc`` with its interval; ``threshold`` is the score that parts good from bad best."""

    auc: float
    low: float
    high: float
    threshold: float


def auc(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """The probability that a good one scores above a bad one, ties counting half: 0.5 is chance.

    It is the area under the ROC curve (Hanley and McNeil 1982).

    Raises:
        EvaluationError: all labels are the same, or there are not as many as scores.
    """
    import numpy as np

    good = np.asarray(labels, dtype=bool)
    values = np.asarray(scores, dtype=np.float64)
    if len(good) != len(values) or good.all() or not good.any():
        raise EvaluationError("agreement needs a label for each score, and both kinds of labels")
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = int(good.sum())
    above = ranks[good].sum() - positives * (positives + 1) / 2
    return float(above / (positives * (len(good) - positives)))


def agreement(
    scores: Sequence[float],
    labels: Sequence[bool],
    groups: Sequence[Hashable] | None = None,
    *,
    level: float = 0.95,
    resamples: int = 1_000,
    seed: int = 0,
) -> Agreement:
    """The AUC with a bootstrap interval.

    Args:
        scores: of the measure.
        labels: of people: whether it is good.
        groups: which items belong together, such as the sentences of one answer: drawn together.
        level: of the interval.
        resamples: how many times to draw.
        seed: the same seed gives the same interval.
    """
    import numpy as np

    value = auc(scores, labels)
    generator = np.random.default_rng(seed)
    names = list(groups) if groups is not None else list(range(len(scores)))
    members: dict[Hashable, list[int]] = {}
    for index, name in enumerate(names):
        members.setdefault(name, []).append(index)
    blocks = [np.asarray(found) for found in members.values()]
    all_scores, all_labels = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=bool)
    drawn = []
    for _ in range(resamples):
        picked = np.concatenate(
            [blocks[i] for i in generator.integers(0, len(blocks), len(blocks))]
        )
        if 0 < all_labels[picked].sum() < len(picked):
            drawn.append(auc(all_scores[picked].tolist(), all_labels[picked].tolist()))
    low, high = np.quantile(drawn or [value], [(1 - level) / 2, (1 + level) / 2])
    return Agreement(value, float(low), float(high), _best_threshold(scores, labels))


def _best_threshold(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """The score with the highest true less false positive rate (Youden 1950)."""
    good = sorted(score for score, label in zip(scores, labels, strict=True) if label)
    bad = sorted(score for score, label in zip(scores, labels, strict=True) if not label)
    from bisect import bisect_left

    def gain(score: float) -> float:
        return bisect_left(bad, score) / len(bad) - bisect_left(good, score) / len(good)

    return max(sorted(set(scores)), key=gain)
