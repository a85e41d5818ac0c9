"""Putting together what several searches found.

Sources: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual
Rank Learning Methods", SIGIR 2009.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from langchain_core.documents import Document

from agentlab.rag.fuse import fuse_ranks
from agentlab.rag.quoting import words_of

_NEAR = 0.8  # of the words of two queries: as good as one


def key_of(document: Document) -> str:
    """What tells one document from another."""
    return str(document.id or document.metadata.get("id") or document.page_content)


def ids_of(documents: Sequence[Document]) -> list[str]:
    """What a plan names ``documents`` by: their ids, or the files they are of."""
    return [str(d.id or d.metadata.get("id") or d.metadata.get("source") or "") for d in documents]


def fused(
    rankings: Sequence[Sequence[Document]], weights: Sequence[float], k: int | None = None
) -> list[Document]:
    """The best ``k`` by weighted reciprocal rank fusion; all without ``k``."""
    known = {key_of(d): d for ranking in reversed(rankings) for d in ranking}
    keys = [[key_of(d) for d in ranking] for ranking in rankings]
    found = fuse_ranks(keys, weights) if keys else []
    return [known[key] for key, _ in found[:k]]


def interleaved(rankings: Sequence[Sequence[Document]], k: int | None = None) -> list[Document]:
    """The first of each ranking, then the second of each, …: every ranking has its quota.

    What a bridge led to is found by its own search only, so fusion by ranks would bury it.
    """
    found: dict[str, Document] = {}
    for rank in range(max(map(len, rankings), default=0)):
        for ranking in rankings:
            if rank < len(ranking):
                found.setdefault(key_of(ranking[rank]), ranking[rank])
    return list(found.values())[:k]


def different(queries: Sequence[str], known: Sequence[str] = ()) -> list[str]:
    """``queries`` without those that ask nearly what one before them, or of ``known``, asks."""
    seen = [_words(query) for query in known]
    kept = []
    for query in queries:
        text = " ".join(query.split())
        words = _words(text)
        if words and not any(_alike(words, other) for other in seen):
            seen.append(words)
            kept.append(text)
    return kept


def has_made_up_name(text: str, known: str) -> bool:
    """Whether a name in ``text`` is nowhere in ``known``: small models copy those of examples.

    A name is a word with a capital or a number, but for the first.
    """
    words = words_of(known)
    names = [word for word in text.split()[1:] if re.match(r"\W*[A-Z0-9]", word)]
    return any(words_of(name) and not words_of(name) & words for name in names)


def _words(query: str) -> frozenset[str]:
    return frozenset(words_of(query))


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= _NEAR * len(one | other)
