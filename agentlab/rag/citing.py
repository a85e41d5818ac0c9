"""Sentences with their sources: checked, put together as an answer, and shown as they pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from agentlab.rag.quoting import best_span, share, support, words_of
from agentlab.rag.sentences import Span
from agentlab.rag.sources import Source

NOT_FOUND = "The documents do not say."
QUOTED = "The documents say:"
UNSUPPORTED = "[unsupported]"
MIN_SUPPORT = 0.6
_MIN_SHARE = 0.25  # of a sentence's words: a source with fewer is no source of it
_CORRECTED = 0.8  # of them: a source with as many takes the place of one that was cited wrongly
_ENDS = ".!?…。！？"
_OWN = 3  # spaces in a sentence that can be known as the prompt's own


_YES_OR_NO = frozenset({"yes", "no"})


def holds_short(short: str, question: str, texts: Sequence[str], min_support: float) -> bool:
    """Whether ``short`` is in ``texts`` or in the question, as :func:`~.quoting.support` counts.

    Yes and no are in none, and hold where there are any.
    """
    if not short or not texts:
        return False
    said = words_of(short)
    return not said or said <= _YES_OR_NO or support(short, [question, *texts]) >= min_support


def holding(short: str, sources: Iterable[Source], min_support: float) -> list[dict[str, Any]]:
    """Title and quote of the first two places of ``sources`` that hold ``short``."""
    if not words_of(short) - _YES_OR_NO:
        return []
    held = (s for s in sources if support(short, [s.text]) >= min_support)
    spans = ((s, best_span(short, s.text)) for s in held)
    quotes = [{"title": s.title, "quote": s.text[slice(*span)]} for s, span in spans if span]
    return quotes[:2]


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence as the model wrote it, and the numbers it cites."""

    text: str
    numbers: tuple[int, ...] = ()


class Checker:
    """Checks claims against ``sources`` one after the other; gives the text that may be shown.

    A claim is supported when ``min_support`` of its words, and all its numbers, are in the sources
    it cites. Where it is not, but another source holds nearly all of it, the model took the wrong
    number (small ones often do) and that source is cited. Claims that are not supported wait until
    one is: an answer without any is no answer. Those that are in ``prompt``, which tells all that
    the prompt itself says, are left out: small models repeat its examples.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        min_support: float = MIN_SUPPORT,
        not_found: str = NOT_FOUND,
        prompt: Callable[[], str] = str,
    ) -> None:
        self._prompt = prompt
        self._sources = {source.number: source for source in sources}
        self._min_support = min_support
        self._not_found = not_found
        self._waiting = ""
        self._shown: list[str] = []
        self.sentences: list[dict[str, Any]] = []
        self.citations: list[dict[str, Any]] = []

    @property
    def answer(self) -> str:
        """All that was given to be shown."""
        return "".join(self._shown)

    @property
    def passed(self) -> bool:
        """Whether there is something that may be shown."""
        return bool(self._shown)

    @property
    def supported(self) -> float:
        """The share of the sentences that are supported; 0 without any."""
        passed = [sentence["supported"] for sentence in self.sentences]
        return sum(passed) / len(passed) if passed else 0.0

    def take(self, claims: Iterable[Claim]) -> Iterator[str]:
        """Check ``claims``; yields the text that can be shown."""
        for claim in claims:
            text = " ".join(claim.text.split())
            if not text or any(text == sentence["text"] for sentence in self.sentences):
                continue  # a small model repeats itself
            passed, mark = self._check(text, claim.numbers)
            if not passed and text.count(" ") >= _OWN and text in self._prompt():
                self.sentences.pop()
                continue
            joint = " " if self._shown or self._waiting else ""
            self._waiting += joint + _marked(text, mark)
            if passed or self._shown:
                self._shown.append(self._waiting)
                yield self._waiting
                self._waiting = ""

    def end(self) -> Iterator[str]:
        """No more comes; where nothing passed, yields the text that says so."""
        if not self._shown:
            self.citations.clear()
            self._shown.append(self._not_found)
            yield self._not_found

    def refuse(self) -> None:
        """Show nothing of what was taken: it does not answer."""
        self._shown.clear()
        self._waiting = ""
        self.citations.clear()
        self.sentences[:] = [
            {**sentence, "supported": False, "sources": []} for sentence in self.sentences
        ]

    def quote(self, source: Source, span: Span) -> Iterator[str]:
        """Give a sentence of ``source`` in place of what has not passed; yields the text of it."""
        start, end = span
        said = " ".join(source.text[start:end].split())
        self.citations[:] = [self._cited(source, span)]
        self.sentences.append(
            {
                "text": said,
                "supported": True,
                "support": 1.0,
                "sources": [source.number],
                "corrected": False,
            }
        )
        # Alone, a sentence such as "Pays by letter." does not tell who does.
        title = f" ({source.title})" if source.title else ""
        self._shown.append(f"{QUOTED} “{said}”{title} [{source.number}]")
        yield self._shown[-1]

    def _check(self, text: str, numbers: Iterable[int]) -> tuple[bool, str]:
        cited = [self._sources[n] for n in dict.fromkeys(numbers) if n in self._sources]
        kept = [source for source in cited if share(text, source.whole) >= _MIN_SHARE]
        together = support(text, [source.whole for source in kept])
        other = self._better(text) if cited and together < self._min_support else None
        if other is not None:
            kept, together = [other], support(text, [other.whole])
        quotes = [self._citation(text, source) for source in kept]
        passed = together >= self._min_support and any(quotes)
        if passed:
            self.citations += [quote for quote in quotes if quote]
        sources = [quote["number"] for quote in quotes if quote] if passed else []
        self.sentences.append(
            {
                "text": text,
                "supported": passed,
                "support": round(together, 3),
                "sources": sources,
                "corrected": passed and other is not None,
            }
        )
        return passed, "".join(f"[{n}]" for n in sources) if passed else UNSUPPORTED

    def _better(self, text: str) -> Source | None:
        """The source that holds most of ``text``, if that is nearly all."""
        found = [(support(text, [s.whole]), -s.number, s) for s in self._sources.values()]
        held, _, best = max(found, key=lambda one: one[:2])
        return best if held >= max(_CORRECTED, self._min_support) else None

    def _citation(self, text: str, source: Source) -> dict[str, Any] | None:
        span = best_span(text, source.text)
        return None if span is None else self._cited(source, span)

    def _cited(self, source: Source, span: Span) -> dict[str, Any]:
        start, end = span
        return {
            "number": source.number,
            "id": source.id,
            "title": source.title,
            "file": source.file,
            "span": [source.start + start, source.start + end],
            "quote": source.text[start:end],
            "sentence": len(self.sentences),
        }


def _marked(text: str, mark: str) -> str:
    """``text`` with ``mark`` before its end sign, so that it stays with its sentence."""
    if text[-1] in _ENDS:
        return f"{text[:-1].rstrip()} {mark}{text[-1]}"
    return f"{text} {mark}"
