"""A calculator with a closed grammar over exact rational numbers.

::

    >>> from agentlab.calculator import evaluate
    >>> evaluate("15% of 80").text
    '12'
    >>> evaluate("0.1 + 0.2").text
    '0.3'

Text goes through :mod:`.tokens`, :mod:`.parser` and :mod:`.evaluation`; no step hands it to Python
or to numexpr. Sizes are checked before they are computed, so every input ends soon, in an answer or
in a :class:`~agentlab.errors.ToolError` whose hint tells what to write instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from agentlab.calculator.evaluation import value_of
from agentlab.calculator.formatting import format_number
from agentlab.calculator.parser import parse

__all__ = ["Result", "evaluate"]


@dataclass(frozen=True, slots=True)
class Result:
    """What an expression comes to.

    ``value`` is a Fraction where it is exact, a float where a float function took part, a bool for
    a comparison. ``rounded`` is whether ``text`` shows less than ``value`` or ``value`` is a float.
    """

    value: Fraction | float | bool
    text: str
    rounded: bool


def evaluate(expression: str) -> Result:
    """Compute ``expression``.

    Raises:
        ToolError: it is not in the grammar, too large, or has no real value.
    """
    value = value_of(parse(expression))
    if isinstance(value, bool):
        return Result(value, "true" if value else "false", rounded=False)
    text, rounded = format_number(value)
    return Result(value, text, rounded)
