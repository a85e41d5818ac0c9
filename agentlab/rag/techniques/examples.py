"""Telling by examples where a text belongs, and whether it belongs anywhere.

A route's score is the cosine to its nearest example plus a kernel ridge regression of the routes
over all examples (Rifkin and Klautau, "In Defense of One-Vs-All Classification", JMLR 2004): the
regression makes less of words that examples of every route share. What is near nothing is out of
scope. What was tried besides is told in bench/RESULTS.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_core.embeddings import Embeddings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

# On the part of CLINC150 that is not reported on, half or twice of each changes accuracy by .01 at
# most.
_WIDTH = 4.0  # of the kernel exp(width * (cosine - 1))
_PENALTY = 0.1  # of the regression
_SHARE = 0.25  # of the regression's score


class Guess(NamedTuple):
    """A route, how near its nearest example is (a cosine), and its score, which orders routes."""

    name: str
    similarity: float
    score: float


class Reading(NamedTuple):
    """What examples tell of a text: how near the nearest text is, and the routes, best first."""

    nearest: float
    guesses: list[Guess]


class _Loaded(NamedTuple):
    """What was embedded: the kept examples' rows by route, their vectors (n, d), each one's route
    (n,) and what the regression learned (n, routes); vectors of the questions (m, d); and how near
    to another text each one is that sets the threshold."""

    rows: list[list[int]]
    vectors: Floats
    places: Any
    learned: Any
    within: Floats
    apart: Any


class ExampleIndex:
    """The vectors of examples by route. Embeds them when first asked.

    Args:
        keep: of more examples a route, the ``keep`` are used that stand best for all of them
            (greedy facility location); the others still set the threshold.
        questions: in scope, of whatever route: what is near one of them is in scope too, and they
            set the threshold in place of the examples.
    """

    def __init__(
        self,
        examples: Mapping[str, Sequence[str]],
        embeddings: Embeddings,
        keep: int | None = None,
        questions: Sequence[str] = (),
    ) -> None:
        self._embeddings = embeddings
        self._examples = {name: _distinct(texts) for name, texts in examples.items() if texts}
        self._keep = keep
        given = {text for texts in self._examples.values() for text in texts}
        self._questions = [text for text in _distinct(questions) if text not in given]
        self._loaded: _Loaded | None = None
        self._lock = Lock()

    def __len__(self) -> int:
        """How many texts there are to compare with, each once."""
        return sum(map(len, self._examples.values())) + len(self._questions)

    @property
    def names(self) -> list[str]:
        """The routes that have examples."""
        return list(self._examples)

    @property
    def kept(self) -> dict[str, list[str]]:
        """The examples of each route that are compared."""
        places, texts = iter(self._load().rows), self._examples.items()
        return {name: [mine[row] for row in next(places)] for name, mine in texts}

    def read(self, text: str) -> Reading:
        """Every route with examples, best first, and how near any text in scope is."""
        import numpy as np

        known = self._load()
        (row,) = _units(self._embeddings.embed_documents([text]))
        similar = known.vectors @ row
        near = np.full(len(self._examples), -1.0, dtype=np.float32)
        np.maximum.at(near, known.places, similar)
        scores = near + _SHARE * (_kernel(similar) @ known.learned)
        guesses = [
            Guess(name, float(near[place]), float(scores[place]))
            for place, name in enumerate(self._examples)
        ]
        nearest = max([float(near.max()), *(known.within @ row).tolist()])
        return Reading(nearest, sorted(guesses, key=lambda guess: -guess.score))

    def threshold(self, kept: float) -> float:
        """The nearness that a share ``kept`` of the questions reaches, each beside all examples
        and the other questions; without questions, of the examples, each beside the others."""
        import numpy as np

        apart = self._load().apart
        return float(np.quantile(apart, 1 - kept)) if len(apart) else 0.0

    def _load(self) -> _Loaded:
        with self._lock:  # several questions may come at once
            if self._loaded is None:
                self._loaded = self._embedded()
            return self._loaded

    def _embedded(self) -> _Loaded:
        import numpy as np

        held = []
        for texts in self._examples.values():
            vectors = _units(self._embeddings.embed_documents(texts))
            held.append((vectors, _representative(vectors, self._keep)))
        together = np.concatenate([vectors[chosen] for vectors, chosen in held])
        places = np.repeat(np.arange(len(held)), [len(chosen) for _, chosen in held])
        within = np.zeros((0, together.shape[1]), dtype=np.float32)
        if self._questions:
            within = _units(self._embeddings.embed_documents(self._questions))
            apart = _apart_of_questions(within, together)
        else:
            apart = _apart_of_examples(held, together)
        learned = _regression(together, places, len(held))
        return _Loaded([chosen for _, chosen in held], together, places, learned, within, apart)


def _distinct(texts: Sequence[str]) -> list[str]:
    """``texts`` without those that come again: each is as near to itself as can be."""
    found: dict[str, str] = {}
    for text in texts:
        found.setdefault(" ".join(text.split()).casefold(), text)
    return list(found.values())


def _kernel(similar: Any) -> Any:
    import numpy as np

    return np.exp(_WIDTH * (similar - 1.0))


def _regression(vectors: Floats, places: Any, routes: int) -> Any:
    """The weights (n, routes) of the examples; a route of few examples counts as much as others."""
    import numpy as np

    matrix = _kernel((vectors @ vectors.T).astype(np.float64))
    counts = np.bincount(places, minlength=routes)
    matrix[np.diag_indices(len(matrix))] += _PENALTY * counts[places] / counts.mean()
    return np.linalg.solve(matrix, np.where(np.arange(routes) == places[:, None], 1.0, -1.0))


def _apart_of_questions(within: Floats, vectors: Floats) -> Any:
    import numpy as np

    each = within @ within.T
    np.fill_diagonal(each, -1.0)
    return np.maximum(each.max(axis=1), (within @ vectors.T).max(axis=1))


def _apart_of_examples(held: Sequence[tuple[Floats, list[int]]], vectors: Floats) -> Any:
    """How near to a kept example each one is, itself left out."""
    import numpy as np

    apart, begin = [], 0
    for rows, chosen in held:
        similar = rows @ vectors.T
        similar[chosen, begin + np.arange(len(chosen))] = -1.0
        begin += len(chosen)
        apart.append(similar.max(axis=1))
    found = np.concatenate(apart)
    return found[found > -1.0] if len(vectors) == 1 else found  # one alone is beside none


def _units(vectors: Sequence[Sequence[float]]) -> Floats:
    from agentlab.rag.vectors import unit

    rows: Floats = unit(vectors)
    return rows


def _representative(vectors: Floats, keep: int | None) -> list[int]:
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
