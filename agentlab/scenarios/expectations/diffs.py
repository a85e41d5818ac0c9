"""Bounded renderings of values, and the smallest useful difference between two."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from agentlab.recording.words import word_diff

Pieces = tuple[tuple[str, str], ...]

_WINDOW = 1_500  # characters of each side that are compared word by word
_CONTEXT = 30  # characters shown around a change
_DEPTH = 6
_ITEMS = 20


class Difference(NamedTuple):
    """One place where two JSON values differ. A side that is not there is :data:`MISSING`."""

    path: str
    expected: Any
    got: Any


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING = _Missing()


def short(text: str, most: int = 300) -> str:
    """``text``, its middle cut out where it is longer than ``most``."""
    return text if len(text) <= most else f"{text[: most * 2 // 3]}…{text[-most // 3 :]}"


def shown(value: Any, most: int = 300) -> str:
    """``value`` as JSON, bounded in depth, breadth and length."""
    if isinstance(value, str):
        return _quoted(short(value, most))
    if value is MISSING:
        return "nothing"
    return short(json.dumps(_bounded(value), ensure_ascii=False, default=str), most)


def _quoted(text: str) -> str:
    """``text`` on one line in double quotes, or in single ones where it holds double ones."""
    quoted = json.dumps(text, ensure_ascii=False)
    if '"' in text and "'" not in text:
        return "'" + quoted[1:-1].replace('\\"', '"') + "'"
    return quoted


def _bounded(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return short(value)
    if isinstance(value, Mapping):
        if depth >= _DEPTH:
            return "{…}"
        items = list(value.items())[: _ITEMS + 1]
        kept = {str(k): _bounded(v, depth + 1) for k, v in items[:_ITEMS]}
        return kept | ({"…": f"{len(value) - _ITEMS} more"} if len(items) > _ITEMS else {})
    if isinstance(value, list | tuple):
        if depth >= _DEPTH:
            return "[…]"
        kept_items = [_bounded(item, depth + 1) for item in value[:_ITEMS]]
        return kept_items + ([f"… {len(value) - _ITEMS} more"] if len(value) > _ITEMS else [])
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return "a number of more than 60 digits"
    return value


def text_diff(expected: str, got: str) -> Pieces:
    """Word by word, with a little of what is around each change; ``removed`` was expected."""
    start = _same_start(expected, got)
    keep = max(0, start - _CONTEXT * 2)
    before, after = expected[keep:], got[keep:]
    pieces: list[tuple[str, str]] = [("same", "…")] if keep else []
    parts = word_diff(_head(before), _head(after))
    for index, part in enumerate(parts):
        if part.what != "same":
            pieces.append((part.what, short(part.text)))
            continue
        pieces.append(("same", _around(part.text, index == 0, index == len(parts) - 1)))
    return tuple(pieces)


def _same_start(a: str, b: str) -> int:
    for index, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return index
    return min(len(a), len(b))


def _head(text: str) -> str:
    return text if len(text) <= _WINDOW else text[:_WINDOW] + "…"


def _around(text: str, first: bool, last: bool) -> str:
    before, after = 0 if first else _CONTEXT, 0 if last else _CONTEXT
    if len(text) <= before + after + 1:
        return text
    return text[:before] + "…" + (text[-after:] if after else "")


def nearest(needle: str, text: str) -> Pieces:
    """How the stretch of ``text`` most like ``needle`` differs; nothing where none is alike."""
    needle, text = needle[:200], text[:2_000]
    match = difflib.SequenceMatcher(None, text, needle, autojunk=False).find_longest_match()
    if match.size * 3 < len(needle) or match.size < 2:
        return ()
    start = max(0, match.a - match.b)
    window = text[start : start + len(needle)]
    ratio = difflib.SequenceMatcher(None, window, needle, autojunk=False).ratio()
    return text_diff(needle, window) if ratio >= 0.6 else ()


def data_diff(expected: Any, got: Any, most: int = 10) -> list[Difference]:
    """The places where two JSON values differ, the first ``most`` of them."""
    return [found for found, _ in zip(differences(expected, got), range(most), strict=False)]


def differences(expected: Any, got: Any) -> Iterator[Difference]:
    """Every place where two JSON values differ. ``1`` equals ``1.0``; ``true`` equals no number."""
    stack = [("$", expected, got)]
    while stack:
        path, a, b = stack.pop()
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            names = [*a, *(name for name in b if name not in a)]
            pairs = [(step(path, n), a.get(n, MISSING), b.get(n, MISSING)) for n in names]
            stack += reversed(pairs)
        elif _is_list(a) and _is_list(b):
            longest = max(len(a), len(b))
            stack += [(f"{path}[{i}]", _item(a, i), _item(b, i)) for i in reversed(range(longest))]
        elif not same(a, b):
            yield Difference(path, a, b)


def same(a: Any, b: Any) -> bool:
    """Whether two scalars are the same JSON value."""
    if isinstance(a, bool) or isinstance(b, bool) or a is None or b is None:
        return a is b
    if isinstance(a, int | float) and isinstance(b, int | float):
        return a == b or (a != a and b != b)
    return type(a) is type(b) and not isinstance(a, Mapping | list | tuple) and bool(a == b)


def step(path: str, name: Any) -> str:
    """``path`` with a member's name after it, as JSONPath."""
    text = str(name)
    return f"{path}.{text}" if text.isidentifier() else f"{path}[{text!r}]"


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _item(values: Sequence[Any], index: int) -> Any:
    return values[index] if index < len(values) else MISSING


def difference_pieces(found: Sequence[Difference]) -> Pieces:
    """Differences as pieces, one line a path."""
    pieces: list[tuple[str, str]] = []
    for path, expected, got in found:
        if path != "$":
            pieces.append(("same", f"{path}: "))
        if expected is not MISSING:
            pieces.append(("removed", shown(expected, 120)))
        if got is not MISSING:
            pieces.append(("added", shown(got, 120)))
        pieces.append(("same", "\n"))
    return tuple(pieces[:-1])


def is_number(value: Any) -> bool:
    """Whether ``value`` is a finite number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
