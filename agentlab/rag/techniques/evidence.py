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
# Of lists as short as those of a search for a few documents the usual constant (60) would count in
# how many a document is, hardly how high: 1/61 is no more than 1/70 and a half.
_CONSTANT = 1
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
# Short words that tell no query from another.
_PLAIN = frozenset(
    """
    a an am as at be by do he i if in is it me my of on or re s so t to up us we
    al au da de di du el en er es et il im la le ob o se um un wo y zu
    """.split()  # noqa: SIM905
)


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
    found = fuse_ranks(keys, weights, _CONSTANT) if keys else []
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
    """``queries`` without those that ask nearly what one before them, or of ``known``, asks.

    Two that differ in a number, a name or a short word, as "plan A" and "plan B" do, are not alike.
    """
    seen = [_Query(query) for query in known]
    kept = []
    for query in queries:
        text = " ".join(query.split())
        asked = _Query(text)
        if asked.words and not any(asked.is_like(other) for other in seen):
            seen.append(asked)
            kept.append(text)
    return kept


def has_made_up_name(text: str, known: str) -> bool:
    """Whether a name in ``text`` is nowhere in ``known``: small models copy those of examples.

    A name is a word with a capital or a number, but for the first.
    """
    words = words_of(known)
    names = [word for word in text.split()[1:] if re.match(r"\W*[A-Z0-9]", word)]
    return any(words_of(name) and not words_of(name) & words for name in names)


class _Query:
    """A query's words; ``all`` of them as written, and its ``marks``: those that tell one thing
    from another of its kind."""

    def __init__(self, text: str) -> None:
        tokens = _TOKEN.findall(text)
        self.words = words_of(text)
        self.all = {_plain(token) for token in tokens}
        shouted = not any(token.islower() for token in tokens)
        written = words_of(" ".join(token for token in tokens if token[0].isdigit()))
        marked = {_plain(t) for place, t in enumerate(tokens) if _marks(t, place, shouted)}
        self.marks = marked | written
        self.numbers = {word for word in self.words if word[0].isdigit()}
        self.all |= self.words

    def is_like(self, other: _Query) -> bool:
        """Whether it asks nearly what ``other`` asks."""
        near = len(self.words & other.words) >= _NEAR * len(self.words | other.words)
        # "The makers" may be "the two makers", but not three.
        same = self.numbers <= other.numbers or other.numbers <= self.numbers
        return near and same and self.marks <= other.all and other.marks <= self.all


def _marks(token: str, place: int, shouted: bool) -> bool:
    if token[0].isdigit():
        return False  # its form without commas is a mark
    if len(token) < 3 and token.isascii() and token.casefold() not in _PLAIN:
        return True
    if shouted or token == token.lower():
        return False
    # The first word of a sentence has a capital, whatever it is.
    return place > 0 or (len(token) > 1 and token.isupper()) or bool(words_of(token))


def _plain(token: str) -> str:
    low = token.casefold()
    return low[:-1] if low.endswith("s") and len(low) > 3 else low
