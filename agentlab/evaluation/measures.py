"""Measures of one ranking against the judgements of one question.

Defined as in trec_eval, and equal to it: a grade of 1 or more is relevant; an unjudged document, a
grade of 0 and a negative grade are not, and gain nothing. Every measure is from 0 to 1: a document
that comes twice counts once, at its first place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from agentlab.errors import EvaluationError

Judged = Mapping[str, int]
DEFAULT = ("ndcg@10", "map", "mrr", "recall@10", "precision@10")


def precision(ranking: Sequence[str], judged: Judged, k: int) -> float:
    """The share of the first ``k`` places that hold a relevant document; missing ones hold none."""
    return sum(_relevant(ranking, judged, k)) / k


def recall(ranking: Sequence[str], judged: Judged, k: int | None = None) -> float:
    """The share of the relevant documents that are among the first ``k``."""
    total = _count(judged)
    return sum(_relevant(ranking, judged, k)) / total if total else 0.0


def average_precision(ranking: Sequence[str], judged: Judged, k: int | None = None) -> float:
    """The precision at each relevant document, summed, by the number of relevant documents.

    With ``k``, those beyond count as not found; the divisor stays the number of all relevant ones.
    """
    total = _count(judged)
    hits, summed = 0, 0.0
    for place, relevant in enumerate(_relevant(ranking, judged, k), 1):
        if relevant:
            hits += 1
            summed += hits / place
    return summed / total if total else 0.0


def reciprocal_rank(ranking: Sequence[str], judged: Judged, k: int | None = None) -> float:
    """1 by the place of the first relevant document, 0 where there is none in the first ``k``."""
    places = enumerate(_relevant(ranking, judged, k), 1)
    return next((1 / place for place, relevant in places if relevant), 0.0)


def ndcg(ranking: Sequence[str], judged: Judged, k: int | None = None) -> float:
    """Discounted cumulative gain, by that of the best possible ranking.

    The gain is the grade, the discount the binary logarithm of the place plus one.
    """
    ideal = _dcg(sorted((g for g in judged.values() if g > 0), reverse=True)[:k])
    gains = [max(judged.get(document, 0), 0) for document in unique(ranking)[:k]]
    return min(_dcg(gains) / ideal, 1.0) if ideal else 0.0  # sums of floats may pass 1


def unique(ranking: Sequence[str]) -> list[str]:
    """The ranking with each document once, at its first place."""
    return list(dict.fromkeys(ranking))


def _dcg(gains: Sequence[int]) -> float:
    return math.fsum(gain / math.log2(place + 1) for place, gain in enumerate(gains, 1))


def _relevant(ranking: Sequence[str], judged: Judged, k: int | None) -> list[bool]:
    return [judged.get(document, 0) > 0 for document in unique(ranking)[:k]]


def _count(judged: Judged) -> int:
    return sum(grade > 0 for grade in judged.values())


_FUNCTIONS: Mapping[str, Callable[..., float]] = {
    "precision": precision,
    "recall": recall,
    "map": average_precision,
    "mrr": reciprocal_rank,
    "ndcg": ndcg,
}


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure with its depth; ``str(measure)`` is its name, such as ``ndcg@10``.

    ``map`` and ``mrr`` are, of one question, its average precision and reciprocal rank: their means
    over the questions are mAP and MRR.
    """

    kind: str
    k: int | None = None

    def __call__(self, ranking: Sequence[str], judged: Judged) -> float:
        """The value for one question."""
        return _FUNCTIONS[self.kind](ranking, judged, self.k)

    def __str__(self) -> str:
        return f"{self.kind}@{self.k}" if self.k else self.kind


def parse_measure(name: str) -> Measure:
    """``precision@K``, ``recall[@K]``, ``map[@K]``, ``mrr[@K]`` or ``ndcg[@K]``.

    Raises:
        EvaluationError: there is no such measure, or no such depth.
    """
    kind, at, depth = name.strip().lower().partition("@")
    if kind not in _FUNCTIONS:
        near = get_close_matches(kind, _FUNCTIONS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_FUNCTIONS)}"
        raise EvaluationError(f"there is no measure {name!r}", hint=hint)
    right = depth.isascii() and depth.isdecimal() and 0 < len(depth) < 10 and int(depth) > 0
    if at and not right:
        raise EvaluationError(f"the depth in {name!r} is not a whole number above 0")
    if kind == "precision" and not at:
        raise EvaluationError("precision needs a depth", hint="for example precision@10")
    return Measure(kind, int(depth) if at else None)
