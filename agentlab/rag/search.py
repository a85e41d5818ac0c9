"""One search: candidates by vectors and words, fused, reranked, cut, and told with their scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

from agentlab.boundary import Reranker
from agentlab.errors import ConfigError
from agentlab.rag.filters import Filter, check_filter
from agentlab.rag.fuse import check_weights, diversify, fuse_ranks, fuse_scores, spread
from agentlab.rag.preparing import with_title
from agentlab.rag.records import Record
from agentlab.rag.snapshot import Snapshot
from agentlab.rag.vectors import unit

Mode = Literal["dense", "keyword", "hybrid"]
MODES: tuple[str, ...] = get_args(Mode)
Fusion = Literal["ranks", "scores"]
WEIGHTS = (1.0, 0.25)  # dense, keyword: as measured in docs/rag.md
# Half the order to the reranker, half to the search: better than the reranker alone on all of the
# collections that were measured (bench/RESULTS.md).
RERANK_WEIGHT = 0.5
_LEAST_DEPTH = 50


@dataclass(frozen=True, slots=True)
class Query:
    """How to search; see :meth:`agentlab.rag.Index.as_retriever`."""

    k: int = 4
    mode: Mode = "dense"
    weights: tuple[float, float] = WEIGHTS
    fusion: Fusion = "ranks"
    filter: Filter | None = None
    threshold: float | None = None
    mmr: float | None = None
    rerank: Reranker | None = None
    rerank_depth: int = 10
    rerank_weight: float = RERANK_WEIGHT
    depth: int | None = None
    parents: bool = True

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ConfigError(f"there is no mode {self.mode!r}", hint=f"use {', '.join(MODES)}")
        if self.fusion not in get_args(Fusion):
            raise ConfigError(f"rankings are fused by ranks or scores, not by {self.fusion!r}")
        for name in ("k", "rerank_depth", "depth"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
                raise ConfigError(f"{name!r} must be a whole number, not {value!r}")
            if value is not None and value < 1:
                raise ConfigError(f"{name!r} must be 1 or more, not {value}")
        if not 0 <= self.rerank_weight <= 1:
            raise ConfigError(f"'rerank_weight' must be from 0 to 1, not {self.rerank_weight}")
        if self.mmr is not None and not 0 <= self.mmr <= 1:
            raise ConfigError(f"'mmr' must be from 0 to 1, not {self.mmr}")
        if self.mmr is not None and self.rerank is not None:
            raise ConfigError("either 'mmr' or 'rerank' decides the order, not both")
        check_weights(self.weights, 2)
        check_filter(self.filter)

    @property
    def candidates(self) -> int:
        """How many of each ranking are looked at."""
        depth = max(_LEAST_DEPTH, 4 * self.k) if self.depth is None else self.depth
        return max(depth, self.k, self.rerank_depth if self.rerank is not None else 0)


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found. ``similarity`` is the cosine, None where only words were looked at.

    ``score`` is what orders them: the reranker's, the fused one, the cosine or BM25's.
    """

    record: Record
    score: float
    similarity: float | None


def search(snapshot: Snapshot, embeddings: Embeddings, text: str, query: Query) -> list[Document]:
    """The documents that answer ``text`` best, best first, with ``score`` in their metadata."""
    if not isinstance(text, str):
        raise ConfigError(f"a question must be text, not {type(text).__name__}")
    hits = _different(_candidates(snapshot, embeddings, text, query))
    if query.rerank is not None:
        # What the reranker did not read is not known to fit, so it is left out.
        hits = _reranked(hits[: max(query.rerank_depth, query.k)], text, query)
    if query.threshold is not None:
        hits = [hit for hit in hits if _fitness(hit, query) >= query.threshold]
    if query.mmr is not None and hits:
        rows = [hit.record.row for hit in hits]
        vector = unit([embeddings.embed_query(text)])[0]
        order = diversify(vector, snapshot.vectors.array[rows], len(rows), query.mmr)
        hits = [hits[i] for i in order]
    if query.parents:
        return _with_parents(snapshot, hits)[: query.k]
    return [_told(hit.record.document, hit) for hit in hits[: query.k]]


def _candidates(snapshot: Snapshot, embeddings: Embeddings, text: str, query: Query) -> list[Hit]:
    rows, depth = snapshot.rows(query.filter), query.candidates
    dense: list[tuple[int, float]] = []
    words: list[tuple[int, float]] = []
    vector: Sequence[float] | None = None
    if query.mode != "keyword":
        vector = embeddings.embed_query(text)
        dense = snapshot.vectors.search(vector, depth, rows)
    if query.mode != "dense":
        words = snapshot.words.search(text, depth, rows)
    similar = dict(dense)

    def compare(some: Sequence[int]) -> None:
        """Add the cosines of ``some``: what was found by words alone has one too."""
        missing = [row for row in some if row not in similar]
        if vector is not None and missing:
            cosines = snapshot.vectors.array[missing] @ unit([vector])[0]
            similar.update(zip(missing, map(float, cosines), strict=True))

    if query.mode != "hybrid":
        ranked = dense or words
    elif query.fusion == "ranks":
        ranked = fuse_ranks([[r for r, _ in dense], [r for r, _ in words]], query.weights)
    else:
        # Each candidate with both of its scores, whichever way it was found.
        both = list(dict.fromkeys(row for row, _ in (*dense, *words)))
        compare(both)
        by_words = zip(both, snapshot.words.scores(text, both), strict=True)
        ranked = fuse_scores([[(r, similar[r]) for r in both], list(by_words)], query.weights)
    compare([row for row, _ in ranked])
    records = {r.row: r for r in snapshot.records.get([row for row, _ in ranked])}
    return [Hit(records[row], s, similar.get(row)) for row, s in ranked if row in records]


def _different(hits: Sequence[Hit]) -> list[Hit]:
    """The first of those with the same words."""
    seen: dict[str, Hit] = {}
    for hit in hits:
        seen.setdefault(" ".join(hit.record.document.page_content.split()).casefold(), hit)
    return list(seen.values())


def _reranked(hits: Sequence[Hit], text: str, query: Query) -> list[Hit]:
    """``hits`` with the reranker's scores, in its order, or between that and the one they had."""
    assert query.rerank is not None
    documents = [hit.record.document for hit in hits]
    texts = [with_title(d.page_content, d.metadata) for d in documents]
    scores = [float(score) for score in query.rerank.rerank(text, texts)]
    found = [
        Hit(hit.record, score, hit.similarity) for hit, score in zip(hits, scores, strict=True)
    ]
    if query.rerank_weight == 1:  # also where probabilities are too near to 1 to be spread
        return sorted(found, key=lambda hit: -hit.score)
    weights = (query.rerank_weight, 1 - query.rerank_weight)
    own = list(enumerate(spread(scores)))
    before = [(place, hit.score) for place, hit in enumerate(hits)]
    return [found[place] for place, _ in fuse_scores([own, before], weights)]


def _fitness(hit: Hit, query: Query) -> float:
    """What a threshold looks at: fused scores say nothing of how well a chunk fits."""
    if query.mode == "hybrid" and query.rerank is None:
        return cast(float, hit.similarity)
    return hit.score


def _with_parents(snapshot: Snapshot, hits: Sequence[Hit]) -> list[Document]:
    """The larger pieces of small chunks, each once, in the place of its best chunk."""
    numbers = [hit.record.parent for hit in hits if hit.record.parent is not None]
    parents = snapshot.records.parents(numbers) if numbers else {}
    found: dict[Any, Document] = {}
    for hit in hits:
        small, number = hit.record.document, hit.record.parent
        if number is None:
            found.setdefault(small.id, _told(small, hit))
        elif number not in found:
            match = {
                "match_start": small.metadata.get("start"),
                "match_end": small.metadata.get("end"),
            }
            found[number] = _told(parents[number], hit, **match)
    return list(found.values())


def _told(document: Document, hit: Hit, **more: Any) -> Document:
    scores = {"score": round(hit.score, 6)}
    if hit.similarity is not None:
        scores["similarity"] = round(hit.similarity, 6)
    metadata = {**document.metadata, **more, **scores}
    return Document(page_content=document.page_content, metadata=metadata, id=document.id)
