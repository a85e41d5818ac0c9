"""Putting rankings together.

Sources: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual
Rank Learning Methods", SIGIR 2009; Bruch, Gai and Ingber, "An Analysis of Fusion Functions for
Hybrid Retrieval", TOIS 2023; Carbonell and Goldstein, "The Use of MMR, Diversity-Based
Reranking for Reordering Documents and Producing Summaries", SIGIR 1998.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, TypeVar

from agentlab.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

K = TypeVar("K", bound=Hashable)
RRF_K = 60  # the constant of the paper
_LEAST = 1e-7  # a probability of 0 has no logit


def check_weights(weights: Sequence[float], count: int) -> None:
    """Refuse weights that are not one for each of ``count`` rankings.

    Raises:
        ConfigError: says what is wrong.
    """
    if len(weights) != count:
        raise ConfigError(f"{len(weights)} weights were given for {count} rankings")
    if any(not 0 <= w < float("inf") for w in weights) or not any(weights):
        raise ConfigError(f"weights must be 0 or more, and one more than 0, not {list(weights)}")


def fuse_ranks(
    rankings: Sequence[Sequence[K]], weights: Sequence[float], constant: int = RRF_K
) -> list[tuple[K, float]]:
    """Weighted reciprocal rank fusion: the sum of weight / (constant + rank), best first.

    Each ranking is best first; a key that comes twice in one counts where it comes first.
    """
    check_weights(weights, len(rankings))
    scores: dict[K, float] = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        for rank, key in enumerate(dict.fromkeys(ranking), start=1):
            scores[key] = scores.get(key, 0.0) + weight / (constant + rank)
    return _sorted(scores)


def fuse_scores(
    rankings: Sequence[Sequence[tuple[K, float]]], weights: Sequence[float]
) -> list[tuple[K, float]]:
    """Weighted sum of scores, each ranking's brought to 0..1 first; best first."""
    check_weights(weights, len(rankings))
    scores: dict[K, float] = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        least = min((score for _, score in ranking), default=0.0)
        span = max((score for _, score in ranking), default=0.0) - least
        for key, score in ranking:
            share = (score - least) / span if span else 1.0
            scores[key] = scores.get(key, 0.0) + weight * share
    return _sorted(scores)


def spread(scores: Sequence[float]) -> Sequence[float]:
    """Probabilities as their logits, so that those near 0 or 1 can be told apart; else as given."""
    if not all(0 <= score <= 1 for score in scores):
        return scores
    kept = [min(max(score, _LEAST), 1 - _LEAST) for score in scores]
    return [math.log(score / (1 - score)) for score in kept]


def _sorted(scores: dict[K, float]) -> list[tuple[K, float]]:
    """Best first; among equals the order in which they came."""
    return sorted(scores.items(), key=lambda item: -item[1])


def diversify(
    query: NDArray[np.float32], vectors: NDArray[np.float32], k: int, balance: float
) -> list[int]:
    """Maximal marginal relevance: which ``k`` of ``vectors`` to take, in order.

    Args:
        query: the question's vector, of length 1, as ``vectors`` (one a row) are.
        balance: 1 looks only at how near a vector is to the question, 0 only at how far from those
            that were taken.
    """
    import numpy as np

    relevance = vectors @ query
    nearest = np.full(len(vectors), -np.inf)
    taken: list[int] = []
    while len(taken) < min(k, len(vectors)):
        gain = relevance if not taken else balance * relevance - (1 - balance) * nearest
        gain = np.where(np.isin(np.arange(len(vectors)), taken), -np.inf, gain)
        best = int(np.argmax(gain))
        taken.append(best)
        nearest = np.maximum(nearest, vectors @ vectors[best])
    return taken
