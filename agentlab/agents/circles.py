"""Texts that go round in circles, as small models do where the likeliest token is always taken."""

from __future__ import annotations

from collections.abc import Sequence

_LONGEST = 12  # lines of what is said again
_TIMES = 3
_LEAST = 8  # characters: shorter lines, as of a table, may be meant


def circle(lines: Sequence[str]) -> int:
    """How many lines at the end were said twice before, one time after the other; 0: none were."""
    for size in range(1, _LONGEST + 1):
        said = lines[-size:]
        if len(lines) < size * _TIMES or sum(map(len, said)) < _LEAST:
            continue
        if all(list(lines[-size * (n + 1) : -size * n]) == list(said) for n in range(1, _TIMES)):
            return size
    return 0


def said_once(text: str, size: int) -> str:
    """``text``, which ends in a :func:`circle` of ``size`` lines, with these once."""
    lines = text.splitlines(keepends=True)
    over = size * (_TIMES - 1)
    while lines and over:
        over -= bool(lines.pop().strip())
    return "".join(lines).rstrip()
