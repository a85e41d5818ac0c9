"""Changes of a text that a reader would call wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

Change = tuple[str, str, str]  # what, in one line, the changed text

_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|\n+")
_MARK = re.compile(r"\[[^\[\]\n]{1,120}\]")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NOT = re.compile(
    r"\b(?:is|are|was|were|do|does|did|can|could|will|would|should|must|has|have|had)"
    r"(?:n't|n’t| not)\b|\bcannot\b",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"\b(?:is|are|was|were|am|can|could|will|would|should|must|may|has|have|had)\b", re.IGNORECASE
)
_OPPOSITES = {"yes": "no", "no": "yes", "true": "false", "false": "true"}
_OPPOSITE = re.compile(r"\b(?:yes|no|true|false)\b", re.IGNORECASE)


def changed(text: str, others: Sequence[str]) -> Iterator[Change]:
    """All changes of ``text``; ``others`` are the answers of other turns."""
    sentences = [s for s in _SENTENCE.split(text) if s.strip()]
    if len(sentences) > 1:
        yield "sentence dropped", quoted(sentences[0]), " ".join(sentences[1:])
    if text.strip():
        negated, change = negate(text)
        yield "negated", change, negated
    yield from numbers(text)
    yield from cut(text, others)


def numbers(text: str) -> Iterator[Change]:
    """The first number in ``text``, and the last, another; marks such as [1] are none."""
    marks = [match.span() for match in _MARK.finditer(text)]
    found = [
        match
        for match in _NUMBER.finditer(text)
        if not any(start <= match.start() < end for start, end in marks)
    ]
    for match in found[:1] + found[1:][-1:]:
        new = other_number(match[0])
        yield "number", f"{match[0]} → {new}", text[: match.start()] + new + text[match.end() :]


def cut(text: str, others: Sequence[str]) -> Iterator[Change]:
    """Half of ``text``, another turn's answer, nothing."""
    words = text.split()
    if len(words) > 1:
        kept = " ".join(words[: len(words) // 2])
        yield "truncated", f"ends with {quoted(kept[-40:])}", kept
    elif len(text.strip()) > 1:
        kept = text.strip()[: len(text.strip()) // 2]
        yield "truncated", f"ends with {quoted(kept)}", kept
    other = next((o for o in others if o.strip() and o != text), None)
    if other is not None:
        yield "another turn's answer", quoted(other), other
    yield "empty", f"instead of {quoted(text)}", ""


def negate(text: str) -> tuple[str, str]:
    """``text`` saying the contrary, and what was changed."""
    match = _NOT.search(text)
    if match is not None:
        old = match[0]
        new = "can" if old.casefold() == "cannot" else re.sub(r"(?i)n['’]t$| not$", "", old)
    elif (match := _OPPOSITE.search(text)) is not None:
        old = match[0]
        new = _cased(_OPPOSITES[old.casefold()], old)
    elif (match := _VERB.search(text)) is not None:
        old, new = match[0], f"{match[0]} not"
    else:
        return f"It is not true that {text}", "“It is not true that” put before it"
    return text[: match.start()] + new + text[match.end() :], f"{old} → {new}"


def _cased(word: str, like: str) -> str:
    if like.isupper():
        return word.upper()
    return word.capitalize() if like[0].isupper() else word


def other_number(number: str) -> str:
    """Another number of as many digits: the last digit is one more, or 8 where it was 9."""
    last = number[-1]
    return number[:-1] + ("8" if last == "9" else str(int(last) + 1))


def quoted(text: str, most: int = 60) -> str:
    """``text`` on one line, bounded."""
    line = " ".join(text.split())
    return f"“{line if len(line) <= most else line[: most - 1] + '…'}”"
