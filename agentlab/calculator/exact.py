"""Powers, roots, factorials and rounding of exact rationals, within the limits."""

from __future__ import annotations

import math
from fractions import Fraction

from agentlab.calculator.limits import MAX_BITS, bits_of, checked, too_large, too_small
from agentlab.errors import ToolError


def divide(left: Fraction, right: Fraction) -> Fraction:
    """``left / right``.

    Raises:
        ToolError: ``right`` is zero.
    """
    if right == 0:
        raise ToolError("division by zero", hint="the divisor must not be 0")
    return checked(left / right)


def floor_divide(left: Fraction, right: Fraction) -> Fraction:
    """The quotient rounded down, as in Python."""
    return Fraction(math.floor(divide(left, right)))


def remainder(left: Fraction, right: Fraction) -> Fraction:
    """What :func:`floor_divide` leaves; it has the sign of ``right``, as in Python."""
    return checked(left - right * floor_divide(left, right))


def power(base: Fraction, exponent: Fraction) -> Fraction | None:
    """``base ** exponent``, or None where that is irrational, or a fraction too long. 0^0 is 1.

    Raises:
        ToolError: too large or too close to 0, a zero to a negative power, or no real value.
    """
    if exponent.denominator != 1:
        root = _exact_root(base, exponent.denominator)
        return None if root is None else power(root, Fraction(exponent.numerator))
    times = exponent.numerator
    if base == 0 and times < 0:
        raise ToolError("0 has no negative power", hint="it would be a division by zero")
    if base in (0, 1):
        return base if times else Fraction(1)
    if base == -1:
        return Fraction(1 if times % 2 == 0 else -1)
    # b has at least (bits - 1) * times bits in its power: refused before it is computed.
    bits = max(base.numerator.bit_length(), base.denominator.bit_length()) - 1
    if abs(times) * max(bits, 1) > MAX_BITS:
        if base.denominator == 1:
            raise too_small() if times < 0 else too_large()
        return None  # (1 + 0.05/365)^3650
    value = base**times
    if base.denominator != 1 and bits_of(value) > MAX_BITS:  # the estimate is the least there are
        return None
    return checked(value)


def _exact_root(base: Fraction, degree: int) -> Fraction | None:
    """The real ``degree``-th root of ``base``, or None where it is irrational.

    Raises:
        ToolError: ``base`` is negative.
    """
    if base < 0:
        raise ToolError(
            f"a negative number has no real power with the exponent 1/{degree}",
            hint="for an odd root write -(8^(1/3)) instead of (-8)^(1/3)",
        )
    numerator = _integer_root(base.numerator, degree)
    denominator = _integer_root(base.denominator, degree)
    if numerator is None or denominator is None:
        return None
    return Fraction(numerator, denominator)


def _integer_root(number: int, degree: int) -> int | None:
    """The whole root of ``number`` >= 0, or None. Newton's method, from above."""
    if number < 2:
        return number
    if degree >= number.bit_length():
        return None
    if degree == 2:
        root = math.isqrt(number)
    else:
        root, following = 1 << -(-number.bit_length() // degree), 0
        while True:
            following = ((degree - 1) * root + number // root ** (degree - 1)) // degree
            if following >= root:
                break
            root = following
    return root if root**degree == number else None


def square_root(value: Fraction) -> Fraction | None:
    """The square root of ``value`` >= 0, or None where it is irrational."""
    return _exact_root(value, 2)


def factorial(value: Fraction) -> Fraction:
    """``value!``.

    Raises:
        ToolError: ``value`` is no whole number from 0, or too large.
    """
    if value.denominator != 1 or value < 0:
        raise ToolError("a factorial needs a whole number from 0", hint="write it as in 5!")
    if value > MAX_BITS or math.lgamma(value.numerator + 1) / math.log(2) > MAX_BITS:
        raise too_large()
    return Fraction(math.factorial(value.numerator))


def round_half_away(value: Fraction, digits: int = 0) -> Fraction:
    """``value`` to ``digits`` decimal places; halves go away from zero: 2.5 to 3, -2.5 to -3.

    Raises:
        ToolError: ``digits`` is beyond what the limits allow.
    """
    if abs(digits) > 1000:
        raise ToolError("a number can be rounded to at most 1000 places", hint="write round(x, 2)")
    scale = Fraction(10) ** digits
    whole = math.floor(abs(value) * scale + Fraction(1, 2))
    return checked(Fraction(whole if value >= 0 else -whole) / scale)
