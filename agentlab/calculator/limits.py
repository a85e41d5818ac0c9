"""How large an expression and its numbers may be. Everything is checked before it is computed."""

from __future__ import annotations

from fractions import Fraction

from agentlab.errors import ToolError

MAX_CHARACTERS = 500
MAX_IN_ALL = 3_000  # characters of several expressions with names
MAX_TOKENS = 200
MAX_DEPTH = 50
MAX_BITS = 16_384  # of a numerator or denominator: 4,932 digits
_TINY_BITS = 1024  # a fraction whose denominator has so many more is closer to 0 than any double


def check_length(text: str, most: int = MAX_CHARACTERS) -> None:
    """Refuse a text longer than ``most`` characters.

    Raises:
        ToolError: it is.
    """
    if len(text) > most:
        raise ToolError(
            f"the expression has {len(text)} characters and at most {most} are allowed",
            hint="split it into several calculations",
        )


def too_large() -> ToolError:
    """The error of a number beyond :data:`MAX_BITS`."""
    return ToolError(
        "the result would have more than 4,932 digits",
        hint="use smaller numbers, or compare logarithms",
    )


def too_small() -> ToolError:
    """The error of a fraction beyond :data:`MAX_BITS` that is close to 0."""
    return ToolError(
        "the result is too close to 0: as a fraction it would have more than 4,932 digits",
        hint="use other units, or compare logarithms",
    )


def checked(value: Fraction) -> Fraction:
    """``value``, when it is within :data:`MAX_BITS`.

    For the results of + - * /, whose operands are within the limit and so whose cost is bounded;
    powers, factorials and exponents are estimated before they are computed.

    Raises:
        ToolError: it is larger.
    """
    if bits_of(value) > MAX_BITS:
        small = value.denominator.bit_length() - value.numerator.bit_length() > _TINY_BITS
        raise too_small() if small else too_large()
    return value


def bits_of(value: Fraction) -> int:
    """The bits of numerator or denominator, whichever has more."""
    return max(value.numerator.bit_length(), value.denominator.bit_length())
