"""Documents to chunks. Every chunk is a piece of its document's text, and knows where it is.

A chunk's metadata is its document's, with ``start`` and ``end`` (characters of the document's text)
and, in Markdown, ``section``: the heading it stands under.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from langchain_core.documents import Document
from langchain_text_splitters import TextSplitter

from agentlab.errors import ConfigError
from agentlab.rag.sentences import Span, paragraph_spans, sentence_spans, trimmed
from agentlab.rag.splitter import Splitter


class Piece(NamedTuple):
    """A chunk, and the larger piece it comes from where the splitter has one."""

    chunk: Document
    parent: Document | None = None


TokenSpans = Callable[[str], list[Span]]
_HEADING = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*\r?$")
_FENCE = re.compile(r"^ {0,3}(```+|~~~+)")


def split(
    documents: Iterable[Document],
    splitter: Splitter | TextSplitter,
    token_spans: TokenSpans,
    most_tokens: int | None = None,
) -> Iterator[Piece]:
    """The chunks of ``documents``, in order.

    Args:
        splitter: ours, or one of LangChain's, whose pieces must be found in the text.
        token_spans: where the tokens of a text begin and end.
        most_tokens: what the embeddings see of a text; longer chunks are parted, at sentences
            where there are any.

    Raises:
        ConfigError: a piece of LangChain's splitter is not a part of the text.
    """
    for document in documents:
        text = document.page_content
        sections = _sections(text) if _is_markdown(document) else []
        pieces = _Text(text, token_spans, [place for place, _ in sections])
        if isinstance(splitter, TextSplitter):
            found: list[tuple[Span, Span | None]] = [
                (span, None) for span in _langchain_spans(text, splitter)
            ]
        else:
            found = list(_spans(pieces, splitter))
        for span, parent in found:
            for part in pieces.within(span, most_tokens):
                large = None if parent is None else _piece(document, parent, sections)
                yield Piece(_piece(document, part, sections), large)


def _piece(document: Document, span: Span, sections: Sequence[tuple[int, str]]) -> Document:
    start, end = span
    more: dict[str, Any] = {"start": start, "end": end}
    under = bisect.bisect_right([place for place, _ in sections], start) - 1
    if under >= 0:
        more["section"] = sections[under][1]
    text = document.page_content[start:end]
    return Document(page_content=text, metadata={**document.metadata, **more})


class _Text:
    """A text whose tokens are counted once."""

    def __init__(self, text: str, token_spans: TokenSpans, headings: Sequence[int]) -> None:
        self.text = text
        self._headings = frozenset(headings)
        self._token_spans = token_spans
        self._starts: list[int] | None = None

    @property
    def starts(self) -> list[int]:
        """Where the tokens begin."""
        if self._starts is None:
            self._starts = [start for start, _ in self._token_spans(self.text)]
        return self._starts

    def count(self, span: Span) -> int:
        """The tokens that begin in ``span``."""
        return bisect.bisect_left(self.starts, span[1]) - bisect.bisect_left(self.starts, span[0])

    def within(self, span: Span, most: int | None) -> list[Span]:
        """``span``, parted where it has more than ``most`` tokens."""
        # A token takes a character at least, so that most short texts need no counting.
        if most is None or span[1] - span[0] <= most or self.count(span) <= most:
            return [span]
        return list(self.packed(self.small(span, most), most, 0))

    def glued(self, units: Sequence[Span], most: int | None = None) -> list[Span]:
        """``units`` with headings put to what they stand over: alone they say nothing."""
        found: list[Span] = []
        for unit in units:
            joined = (found[-1][0], unit[1]) if found else unit
            if (
                found
                and found[-1][0] in self._headings
                and "\n" not in self.text[slice(*found[-1])]
                and (most is None or self.count(joined) <= most)
            ):
                found[-1] = joined
            else:
                found.append(unit)
        return found

    def small(self, span: Span, most: int) -> list[Span]:
        """The sentences of ``span``, those with more than ``most`` tokens cut between words."""
        found: list[Span] = []
        for sentence in sentence_spans(self.text, *span):
            found += [sentence] if self.count(sentence) <= most else self._cut(sentence, most)
        return self.glued(found, most)

    def _cut(self, span: Span, most: int) -> Iterator[Span]:
        """Pieces of at most ``most`` tokens, ending before white space where there is any."""
        start, end = span
        while True:
            first = bisect.bisect_left(self.starts, start)
            if first + most >= len(self.starts) or self.starts[first + most] >= end:
                break
            stop = self.starts[first + most]
            space = max(self.text.rfind(sign, start + 1, stop) for sign in " \n\t")
            stop = space if space > start else max(stop, start + 1)
            piece = trimmed(self.text, start, stop)
            if piece:
                yield piece
            start = stop
        last = trimmed(self.text, start, end)
        if last:
            yield last

    def packed(self, units: Sequence[Span], most: int, overlap: int) -> Iterator[Span]:
        """As many neighbours as ``most`` tokens hold; the next begins ``overlap`` tokens before."""
        first = 0
        while first < len(units):
            after = first + 1
            while after < len(units) and self.count((units[first][0], units[after][1])) <= most:
                after += 1
            yield units[first][0], units[after - 1][1]
            if after == len(units):
                return
            again = after
            while (
                again - 1 > first
                and self.count((units[again - 1][0], units[after - 1][1])) <= overlap
            ):
                again -= 1
            first = again


def _spans(text: _Text, splitter: Splitter) -> Iterator[tuple[Span, Span | None]]:
    whole = (0, len(text.text))
    if splitter.parent is None:
        yield from ((span, None) for span in _within(text, splitter, whole))
        return
    for parent, _ in _spans(text, splitter.parent):
        yield from ((span, parent) for span in _within(text, splitter, parent))


def _within(text: _Text, splitter: Splitter, span: Span) -> Iterable[Span]:
    """The chunks of the part ``span`` of ``text``."""
    match splitter.unit:
        case "document":
            whole = trimmed(text.text, *span)
            return [whole] if whole else []
        case "paragraphs":
            return _windows(text.glued(paragraph_spans(text.text, *span)), splitter)
        case "sentences":
            return _windows(text.glued(sentence_spans(text.text, *span)), splitter)
        case "tokens":
            return text.packed(text.small(span, splitter.size), splitter.size, splitter.overlap)
        case "headings":
            return _by_headings(text, splitter, span)


def _windows(units: Sequence[Span], splitter: Splitter) -> Iterator[Span]:
    step = splitter.size - splitter.overlap
    for first in range(0, len(units), step):
        part = units[first : first + splitter.size]
        yield part[0][0], part[-1][1]
        if first + splitter.size >= len(units):
            return


def _by_headings(text: _Text, splitter: Splitter, span: Span) -> Iterator[Span]:
    places = [place for place, _ in _sections(text.text) if span[0] < place < span[1]]
    for start, end in zip([span[0], *places], [*places, span[1]], strict=True):
        section = trimmed(text.text, start, end)
        if section is None:
            continue
        if text.count(section) <= splitter.size:
            yield section
        else:
            units = text.small(section, splitter.size)
            yield from text.packed(units, splitter.size, splitter.overlap)


def _is_markdown(document: Document) -> bool:
    return str(document.metadata.get("source", "")).lower().endswith((".md", ".markdown"))


def _sections(text: str) -> list[tuple[int, str]]:
    """Where the sections of a Markdown text begin, and their headings; fenced code has none."""
    found: list[tuple[int, str]] = []
    place, fence = 0, ""
    for line in text.splitlines(keepends=True):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence):
            fence = ""
        elif not fence and (heading := _HEADING.match(line.rstrip("\n"))):
            found.append((place, heading[2]))
        place += len(line)
    return found


def _langchain_spans(text: str, splitter: TextSplitter) -> Iterator[Span]:
    """Where the pieces of LangChain's splitter stand in ``text``."""
    after = 0
    for piece in splitter.split_text(text):
        if not piece.strip():
            continue
        place = text.find(piece, after)
        if place < 0:
            raise ConfigError(
                f"{type(splitter).__name__} changes the text, so its chunks have no place in it",
                hint="use a splitter that only cuts, or hand its documents to Index.from_documents",
            )
        yield place, place + len(piece)
        after = place + 1
