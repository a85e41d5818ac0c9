"""Where sentences and paragraphs of a text begin and end, as spans of characters."""

from __future__ import annotations

import re

Span = tuple[int, int]

_PARAGRAPH = re.compile(r"\n[ \t\r]*\n\s*")
_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？]+[」』”’）]*|\n[ \t\r]*\n\s*")
_ABBREVIATIONS = frozenset(
    """
    mr mrs ms dr prof sr jr st vs etc al fig figs eq no nos vol pp p ed eds e.g i.e cf approx inc
    ltd co corp dept est gen gov capt col lt sgt rev hon jan feb mar apr jun jul aug sep sept oct
    nov dec u.s u.k a.m p.m ph.d
    """.split()  # noqa: SIM905
)
_WORD_BEFORE = re.compile(r"[\w.]+$")


def trimmed(text: str, start: int, end: int) -> Span | None:
    """The span without the white space around it; None where nothing is left."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else None


def paragraph_spans(text: str, start: int = 0, end: int | None = None) -> list[Span]:
    """The paragraphs of ``text[start:end]``, which empty lines part."""
    end = len(text) if end is None else end
    spans, begin = [], start
    for match in _PARAGRAPH.finditer(text, start, end):
        spans.append(trimmed(text, begin, match.start()))
        begin = match.end()
    spans.append(trimmed(text, begin, end))
    return [span for span in spans if span]


def sentence_spans(text: str, start: int = 0, end: int | None = None) -> list[Span]:
    """The sentences of ``text[start:end]``; a paragraph's end is a sentence's too.

    Before a small letter no sentence ends, nor at the full stop of an abbreviation or an initial.
    """
    end = len(text) if end is None else end
    spans, begin = [], start
    for match in _END.finditer(text, start, end):
        if match[0][0] in ".!?…" and not _is_end(text, match.start(), match.end(), end):
            continue
        spans.append(trimmed(text, begin, match.end()))
        begin = match.end()
    spans.append(trimmed(text, begin, end))
    return [span for span in spans if span]


def _is_end(text: str, stop: int, after: int, end: int) -> bool:
    following = text[after : min(end, after + 40)].lstrip()
    if following[:1].islower():
        return False
    if text[stop] != ".":
        return True
    before = _WORD_BEFORE.search(text, max(0, stop - 20), stop)
    if before is None:
        return True
    word = before[0]
    initial = len(word) == 1 and word.isalpha() and word.isupper()
    return not initial and word.lower() not in _ABBREVIATIONS
