"""Sentences of an answer and the numbers of the passages that each cites."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MARK = r"\[\s*\d{1,6}(?:\s*[,;–-]\s*\d{1,6})*\s*\]"
_MARKS = re.compile(_MARK)
# A mark behind the full stop belongs to the sentence before: "It is red. [1] It is far."
_BEHIND = re.compile(rf"((?:\s*{_MARK})+)(?=\s*$|\s+[^a-z\s])")
_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])|\n+")
_ABBREVIATED = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|cf|al|Fig|No|approx|ca|e\.g|i\.e|[A-Z]))\.$"
)
_LONGEST_RANGE = 100


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence without its marks, and the passages it cites, counted from 1, each once."""

    text: str
    citations: tuple[int, ...] = ()


def statements(answer: str) -> list[Statement]:
    """The sentences of ``answer`` with what they cite: ``[1]``, ``[1][3]``, ``[1, 3]``, ``[1-3]``.

    A mark right behind the full stop counts for the sentence before it.
    """
    pieces: list[str] = []
    for piece in _split(answer):
        behind = _BEHIND.match(piece) if pieces else None
        if behind is not None:
            pieces[-1] += behind.group()
            piece = piece[behind.end() :]
        if piece.strip():
            pieces.append(piece)
    found = (Statement(without_marks(piece), _cited(piece)) for piece in pieces)
    return [statement for statement in found if re.search(r"\w", statement.text)]


def without_marks(text: str) -> str:
    """``text`` without its citation marks."""
    return re.sub(rf"\s*{_MARK}", "", text).strip()


def _split(text: str) -> list[str]:
    pieces, start = [], 0
    for end in _END.finditer(text):
        before = text[start : end.start()]
        if "\n" not in end.group() and _ABBREVIATED.search(before):
            continue
        pieces.append(text[start : end.end()])
        start = end.end()
    return [piece for piece in [*pieces, text[start:]] if piece.strip()]


def _cited(text: str) -> tuple[int, ...]:
    found: list[int] = []
    for mark in _MARKS.findall(text):
        for part in re.split("[,;]", mark.strip("[] ")):
            ends = [int(number) for number in re.findall(r"\d+", part)]
            if len(ends) == 2 and 0 <= ends[1] - ends[0] <= _LONGEST_RANGE:
                found += range(ends[0], ends[1] + 1)
            else:
                found += ends
    return tuple(dict.fromkeys(found))
