"""A calculator with a closed grammar over exact rational numbers.

::

    >>> from agentlab.calculator import evaluate
    >>> evaluate("15% of 80").text
    '12'
    >>> evaluate("0.1 + 0.2").text
    '0.3'
    >>> evaluate("price = 1599; price * 0.85").text
    '1359.15'

Text goes through :mod:`.tokens`, :mod:`.parser` and :mod:`.evaluation`; no step hands it to Python
or to numexpr. Sizes are checked before they are computed, so every input ends soon, in an answer or
in a :class:`~agentlab.errors.ToolError` whose hint tells what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from agentlab.calculator.evaluation import value_of
from agentlab.calculator.formatting import format_number
from agentlab.calculator.limits import MAX_IN_ALL, check_length
from agentlab.calculator.parser import CONSTANTS, FUNCTIONS, parse
from agentlab.errors import ToolError

__all__ = ["Result", "evaluate", "steps"]


@dataclass(frozen=True, slots=True)
class Result:
    """What an expression comes to.

    ``value`` is a Fraction where it is exact, a float where a float function took part, a bool for
    a comparison. ``rounded`` is whether ``text`` shows less than ``value`` or ``value`` is a float.
    """

    value: Fraction | float | bool
    text: str
    rounded: bool


_NAMING = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=(?!=)")


def evaluate(expression: str) -> Result:
    """Compute ``expression``; of several (see :func:`steps`) the last one counts.

    Raises:
        ToolError: it is not in the grammar, too large, or has no real value.
    """
    *_, (_, result) = steps(expression)
    return result


def steps(expression: str) -> Iterator[tuple[str, Result]]:
    """Compute the expressions in ``expression`` one after the other, each with its name.

    Semicolons part expressions, ``price = 1599; price * 0.85``, and so do line breaks in text that
    begins by naming a value. An expression may use the names before it.

    Raises:
        ToolError: one is not in the grammar, too large, or has no real value.
    """
    known: dict[str, Fraction | float] = {}
    parts = _parts(expression)
    for part in parts:
        match = _NAMING.match(part)
        name = match[1].lower() if match else ""
        if match is None or (name in CONSTANTS and len(parts) == 1):  # e = 2.7 compares
            yield "", _result(value_of(parse(part, known)))
            continue
        if name in FUNCTIONS or name in CONSTANTS or name == "of":
            raise ToolError(f"{name!r} has a meaning already", hint="use another name")
        result = _result(value_of(parse(part[match.end() :], known)))
        if isinstance(result.value, bool):
            raise ToolError(
                f"{name!r} is set to a comparison", hint="write one = only: price = 3 * 5"
            )
        known[name] = result.value
        yield name, result


def _parts(expression: str) -> list[str]:
    named = _NAMING.match(expression)
    parts = re.split(r"[;\n]" if named else ";", expression)
    # round(3.14159; 2) is one, with a wrong sign
    if not named and any(part.count("(") != part.count(")") for part in parts):
        return [expression]
    if len(parts) > 1:
        check_length(expression, MAX_IN_ALL)
    return [part for part in parts if part.strip()] or [""]


def _result(value: Fraction | float | bool) -> Result:
    if isinstance(value, bool):
        return Result(value, "true" if value else "false", rounded=False)
    text, rounded = format_number(value)
    return Result(value, text, rounded)
