"""Which digits of a float are known: 15, and fewer where the first ones cancelled in a sum."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

from agentlab.calculator.exact import round_half_away

SIGNIFICANT_DIGITS = 15
_FAR = 1000  # places: more than any float has
# Wide enough for any number within the limits; division in it is correctly rounded.
ROUNDING = Context(
    prec=SIGNIFICANT_DIGITS, rounding=ROUND_HALF_UP, Emax=999_999, Emin=-999_999, traps=[]
)


class Partial(float):
    """A float known to ``places`` decimal places, which are fewer than its 15 digits have.

    It keeps its other digits: what is computed from it would lose more if it were rounded here.
    """

    __slots__ = ("places",)
    places: int

    def __new__(cls, value: float, places: int) -> Partial:
        self = super().__new__(cls, value)
        self.places = places
        return self

    def __neg__(self) -> Partial:
        return Partial(-float(self), self.places)


def to_decimal(value: float) -> Decimal:
    """``value``, rounded to the digits that are known."""
    if isinstance(value, Partial):
        return ROUNDING.quantize(Decimal(float(value)), Decimal((0, (1,), -value.places)))
    return ROUNDING.create_decimal_from_float(value)


def to_digits(value: float) -> Fraction:
    """``value``, rounded to the digits that are known."""
    return Fraction(to_decimal(value))


def magnitude(value: Fraction | float) -> int:
    """The power of ten of the first digit of ``value``, which is not 0: 2 of 345, -1 of 0.3."""
    numerator, denominator = value.as_integer_ratio()
    return ROUNDING.divide(Decimal(numerator), Decimal(denominator)).adjusted()


def places_of(value: float) -> int:
    """The decimal places to which ``value`` is known: 14 of 3.14…, -6 of 3.14…e20."""
    if isinstance(value, Partial):
        return value.places
    return SIGNIFICANT_DIGITS - 1 - magnitude(value) if value else _FAR


def add(left: Fraction | float, right: Fraction | float) -> tuple[Fraction, int]:
    """The sum of both, one of which is a float, and the places to which it is known.

    It is 0 where those places hold no digit of it.
    """
    value = Fraction(left) + Fraction(right)
    places = min(places_of(term) for term in (left, right) if isinstance(term, float))
    if value and magnitude(value) < -places:
        value = round_half_away(value, places)
    return value, places


def with_places(value: float, places: int) -> float:
    """``value``, as a :class:`Partial` where ``places`` are fewer than its 15 digits have."""
    return Partial(value, places) if places < places_of(value) else value


def with_digits_of(value: float, *operands: Fraction | float) -> float:
    """``value`` with as few known digits as the worst of ``operands``, from which it comes."""
    lost = 0
    for operand in operands:
        if isinstance(operand, Partial) and operand:
            known = operand.places + 1 + magnitude(float(operand))
            lost = max(lost, SIGNIFICANT_DIGITS - known)
    return with_places(value, places_of(value) - lost) if value else value
