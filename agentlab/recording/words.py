"""Word diffs: what changed in a text, with a little of what is around it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

_TOKENS = re.compile(r"\w+|\s+|[^\w\s]")
_MOST = 4_000  # tokens that are compared one by one; of more, the ends that agree are cut first


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text that both sides have, or only one."""

    what: Literal["same", "removed", "added"]
    text: str


def word_diff(before: str, after: str) -> tuple[Piece, ...]:
    """The whole of both texts as pieces, word by word."""
    a, b = _TOKENS.findall(before), _TOKENS.findall(after)
    head = _same_start(a, b)
    tail = _same_start(a[head:][::-1], b[head:][::-1])
    pieces = [Piece("same", "".join(a[:head]))]
    pieces += _middle(a[head : len(a) - tail], b[head : len(b) - tail])
    pieces.append(Piece("same", "".join(a[len(a) - tail :]) if tail else ""))
    return tuple(_joined(piece for piece in pieces if piece.text))


def _same_start(a: Sequence[str], b: Sequence[str]) -> int:
    count = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        count += 1
    return count


def _middle(a: list[str], b: list[str]) -> Iterator[Piece]:
    if max(len(a), len(b)) > _MOST:
        yield Piece("removed", "".join(a))
        yield Piece("added", "".join(b))
        return
    for tag, i, j, k, m in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Piece("same", "".join(a[i:j]))
        else:
            yield Piece("removed", "".join(a[i:j]))
            yield Piece("added", "".join(b[k:m]))


def _joined(pieces: Iterator[Piece]) -> Iterator[Piece]:
    last: Piece | None = None
    for piece in pieces:
        if last is not None and last.what == piece.what:
            last = Piece(last.what, last.text + piece.text)
            continue
        if last is not None:
            yield last
        last = piece
    if last is not None:
        yield last


def marked(pieces: Sequence[Piece], context: int = 30, most: int = 600) -> str:
    """One line: ``…over $500 need [-manager-]{+supervisor+} approval…``."""
    out = []
    for index, piece in enumerate(pieces):
        text = piece.text.replace("\n", "⏎")
        if piece.what == "removed":
            out.append(f"[-{_cut(text)}-]")
        elif piece.what == "added":
            out.append(f"{{+{_cut(text)}+}}")
        else:
            out.append(_context(text, context, index == 0, index == len(pieces) - 1))
    line = "".join(out)
    return line if len(line) <= most else line[: most - 1] + "…"


def _cut(text: str, most: int = 200) -> str:
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-most // 2 :]}"


def _context(text: str, size: int, first: bool, last: bool) -> str:
    keep_start, keep_end = 0 if first else size, 0 if last else size
    if len(text) <= keep_start + keep_end + 1:
        return text
    return text[:keep_start] + "…" + (text[-keep_end:] if keep_end else "")
