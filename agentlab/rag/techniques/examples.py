"""Telling by examples where a text belongs: nearest example, with a threshold set on the examples.

Of bge-small's vectors on ten domains, the nearest example was right as often as the mean of the
nearest two or three, class centroids and a ridge regression, or more, and refused most of what
belongs nowhere (bench/RESULTS.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from langchain_core.embeddings import Embeddings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Guess(NamedTuple):
    """A route and how near its nearest example is (a cosine)."""

    name: str
    similarity: float


class ExampleIndex:
    """The vectors of examples by route. Embeds them when first asked.

    Args:
        keep: of more examples a route, the ``keep`` are used that stand best for all of them
            (greedy facility location); the others still set the threshold.
    """

    def __init__(
        self, examples: Mapping[str, Sequence[str]], embeddings: Embeddings, keep: int | None = None
    ) -> None:
        self._embeddings = embeddings
        self._examples = {name: list(texts) for name, texts in examples.items() if texts}
        self._keep = keep
        self._loaded: tuple[NDArray[np.float32], list[str], NDArray[np.float32]] | None = None

    @property
    def names(self) -> list[str]:
        """The routes that have examples."""
        return list(self._examples)

    def guesses(self, text: str) -> list[Guess]:
        """Every route with examples, best first."""
        vectors, names, _ = self._load()
        (row,) = _units(self._embeddings.embed_documents([text]))
        similar = vectors @ row
        best: dict[str, float] = {}
        for name, value in zip(names, similar, strict=True):
            best[name] = max(best.get(name, -1.0), float(value))
        return sorted((Guess(n, s) for n, s in best.items()), key=lambda guess: -guess.similarity)

    def threshold(self, kept: float, questions: Sequence[str] = ()) -> float:
        """The similarity that a share ``kept`` of ``questions`` reaches.

        Without questions, of the examples themselves, each beside all others but itself.
        """
        import numpy as np

        vectors, _, apart = self._load()
        if questions:
            rows = _units(self._embeddings.embed_documents(list(questions)))
            best = (rows @ vectors.T).max(axis=1)
        else:
            best = apart
        return float(np.quantile(best, 1 - kept)) if len(best) else 0.0

    def _load(self) -> tuple[NDArray[np.float32], list[str], NDArray[np.float32]]:
        """The kept vectors, their routes, and each example's nearest other one."""
        import numpy as np

        if self._loaded is None:
            kept, names, held = [], [], []
            for name, texts in self._examples.items():
                vectors = _units(self._embeddings.embed_documents(list(texts)))
                chosen = _representative(vectors, self._keep)
                kept.append(vectors[chosen])
                names += [name] * len(chosen)
                held.append((vectors, chosen))
            together = np.concatenate(kept)
            apart, begin = [], 0
            for vectors, chosen in held:
                similar = vectors @ together.T
                for place, row in enumerate(chosen):
                    similar[row, begin + place] = -1.0  # itself
                begin += len(chosen)
                apart.append(similar.max(axis=1))
            self._loaded = together, names, np.concatenate(apart)
        return self._loaded


def _units(vectors: Sequence[Sequence[float]]) -> NDArray[np.float32]:
    from agentlab.rag.vectors import unit

    rows: NDArray[np.float32] = unit(vectors)
    return rows


def _representative(vectors: NDArray[np.float32], keep: int | None) -> list[int]:
    """The rows of the ``keep`` vectors that the others are nearest to, chosen one by one."""
    import numpy as np

    if keep is None or len(vectors) <= keep:
        return list(range(len(vectors)))
    similar = vectors @ vectors.T
    covered = np.full(len(vectors), -1.0, dtype=np.float32)
    chosen: list[int] = []
    for _ in range(keep):
        gain = np.maximum(covered, similar).sum(axis=1)
        gain[chosen] = -np.inf
        best = int(gain.argmax())
        chosen.append(best)
        covered = np.maximum(covered, similar[best])
    return chosen
