"""Numbers to text.

A whole number is written in full. A fraction that ends within 30 decimal places is written exactly.
Everything else is rounded to 15 significant digits, halves away from zero, and marked as rounded
where those are not all it has; outside 1e-6 to 1e15 such a number is written with an exponent.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from agentlab.calculator.digits import ROUNDING, SIGNIFICANT_DIGITS, to_decimal

MAX_PLACES = 30


def format_number(value: Fraction | float) -> tuple[str, bool]:
    """The text of ``value``, and whether it is rounded."""
    if isinstance(value, float):
        return _rounded(to_decimal(value)), True
    places = _decimal_places(value.denominator)
    if places is None:
        number = ROUNDING.divide(Decimal(value.numerator), Decimal(value.denominator))
        return _rounded(number), Fraction(number) != value  # 1e-31 is all there is
    # Decimal, as str() of an int refuses more than 4,300 digits.
    digits = format(Decimal(abs(value.numerator) * 10**places // value.denominator), "f")
    sign = "-" if value < 0 else ""
    if places == 0:
        return sign + digits, False
    digits = digits.zfill(places + 1)
    return f"{sign}{digits[:-places]}.{digits[-places:]}", False


def _decimal_places(denominator: int) -> int | None:
    """How many places end the expansion of a fraction in lowest terms, up to MAX_PLACES."""
    counts = []
    for prime in (2, 5):
        count = 0
        while denominator % prime == 0 and count <= MAX_PLACES:
            denominator //= prime
            count += 1
        counts.append(count)
    places = max(counts)
    return places if denominator == 1 and places <= MAX_PLACES else None


def _rounded(number: Decimal) -> str:
    if number == 0:
        return "0"
    digits = "".join(map(str, number.as_tuple().digits)).rstrip("0")
    exponent = number.adjusted()
    sign = "-" if number < 0 else ""
    if not -6 <= exponent <= SIGNIFICANT_DIGITS:
        fraction = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{fraction}e{exponent:+d}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    digits = digits.ljust(exponent + 1, "0")
    whole, fraction = digits[: exponent + 1], digits[exponent + 1 :]
    return f"{sign}{whole}.{fraction}" if fraction else sign + whole
