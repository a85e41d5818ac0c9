"""Which sentence of the documents answers a question best, by a reranker that reads both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentlab.boundary import Reranker
from agentlab.rag.quoting import pieces, share
from agentlab.rag.sentences import Span
from agentlab.rag.sources import Source

ENOUGH = 0.5  # of a reranker's score from 0 to 1: it is more likely than not that it answers
_MOST = 100  # sentences that are read; of more, those that share most words with the question


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence of ``source``; ``span`` is its place in the source's text, in characters."""

    source: Source
    span: Span
    score: float

    @property
    def text(self) -> str:
        """The sentence, word for word."""
        return self.source.text[slice(*self.span)]

    @property
    def answers(self) -> bool:
        """Whether it likely answers the question."""
        return self.score >= ENOUGH


class SentenceReader:
    """Finds the sentence that answers ``question`` best, as ``reranker`` scores it.

    A sentence is read below its document's title: alone, "It opened in 1932." tells little.
    Each is read once, whichever sources are asked for later.
    """

    def __init__(self, reranker: Reranker, question: str) -> None:
        self._reranker = reranker
        self._question = question
        self._passages: list[Passage] | None = None

    def best(self, sources: Sequence[Source]) -> Passage | None:
        """The best sentence of ``sources``, None where they have none."""
        if self._passages is None:
            self._passages = self._read(sources)
        left = {source.number for source in sources}
        found = [passage for passage in self._passages if passage.source.number in left]
        return max(found, key=lambda passage: passage.score, default=None)

    def answering(self, sources: Sequence[Source]) -> list[int]:
        """The numbers of those of ``sources`` that have a sentence that answers."""
        self.best(sources)
        found = {p.source.number for p in self._passages or () if p.answers}
        return [source.number for source in sources if source.number in found]

    def _read(self, sources: Sequence[Source]) -> list[Passage]:
        places = [(source, span) for source in sources for span in pieces(source.text)]
        if len(places) > _MOST:
            places.sort(key=lambda place: -share(self._question, place[0].text[slice(*place[1])]))
            places = places[:_MOST]
        texts = [_below_title(source, span) for source, span in places]
        scores = self._reranker.rerank(self._question, texts) if texts else []
        return [Passage(*place, score) for place, score in zip(places, scores, strict=True)]


def _below_title(source: Source, span: Span) -> str:
    text = source.text[slice(*span)]
    return f"{source.title}\n{text}" if source.title else text
