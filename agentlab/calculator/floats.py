"""The functions with irrational values, in double precision, by numexpr.

numexpr's check of the text it is given does not keep hostile text from running Python, so it is
given none: each string below is written here, and the numbers go in as variables.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from fractions import Fraction
from typing import cast

from agentlab.calculator import digits
from agentlab.calculator.limits import too_large, too_small
from agentlab.errors import ToolError

_EXPRESSIONS = {
    "sqrt": "sqrt(x)",
    "exp": "exp(x)",
    "log": "log(x)",
    "log2": "log2(x)",
    "log10": "log10(x)",
    "sin": "sin(x)",
    "cos": "cos(x)",
    "tan": "tan(x)",
    "asin": "arcsin(x)",
    "acos": "arccos(x)",
    "atan": "arctan(x)",
    "sinh": "sinh(x)",
    "cosh": "cosh(x)",
    "tanh": "tanh(x)",
    "power": "x ** y",
}
_LOGARITHMS: dict[str, Callable[[int], float]] = {
    "log": math.log,
    "log2": math.log2,
    "log10": math.log10,
}


def to_float(value: Fraction | float) -> float:
    """``value`` in double precision.

    Raises:
        ToolError: it is beyond 1.8e308, or closer to 0 than 2.2e-308.
    """
    try:
        return finite(float(value), nonzero=value != 0)
    except OverflowError:
        raise _beyond_double() from None


def finite(value: float, *, nonzero: bool = False) -> float:
    """``value``, unless it overflowed, or, where its exact value is ``nonzero``, underflowed.

    Raises:
        ToolError: it is infinite or not a number, or its digits are lost.
    """
    if not math.isfinite(value):
        raise _beyond_double()
    if nonzero and abs(value) < sys.float_info.min:
        raise ToolError(
            "the value is closer to 0 than 2.2e-308, the limit of functions such as exp",
            hint="use other units, compare logarithms, or use only + - * / ^, which are exact",
        )
    return value


def logarithm(name: str, value: Fraction | float) -> float:
    """``log``, ``log2`` or ``log10`` of ``value``, also where that is no double.

    Raises:
        ToolError: ``value`` is not above 0.
    """
    if isinstance(value, Fraction) and value > 0:
        log = _LOGARITHMS[name]
        if abs(value - 1) < Fraction(1, 100):  # in value - 1 no digit is lost
            return math.log1p(to_float(value - 1)) * log(10) / math.log(10)
        if not Fraction(1, 10**300) < value < 10**300:
            return log(value.numerator) - log(value.denominator)
    result = apply(name, to_float(value))
    if isinstance(value, float) and abs(value - 1) < 0.1:  # its digits cancel as those of value - 1
        return digits.with_places(result, digits.places_of(value))
    return result


def power(base: Fraction, exponent: Fraction) -> float:
    """``base ** exponent`` for what :func:`.exact.power` does not give.

    By decimals of enough digits: doubles would lose as many as the exponent has.

    Raises:
        ToolError: it is no double, or ``exponent`` is beyond 10^30.
    """
    if abs(exponent) > 10**30:
        ratio = abs(base) if exponent > 0 else 1 / abs(base)
        raise too_small() if ratio < 1 - Fraction(1, 10**20) else too_large()
    context = Context(prec=60, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
    x = context.divide(Decimal(abs(base.numerator)), Decimal(base.denominator))
    y = context.divide(Decimal(exponent.numerator), Decimal(exponent.denominator))
    value = float(context.power(x, y))
    if exponent.denominator == 1 and not sys.float_info.min <= value <= sys.float_info.max:
        raise too_small() if value < 1 else too_large()
    return finite(-value if base < 0 and exponent.numerator % 2 else value, nonzero=True)


def apply(name: str, x: float, y: float = 0.0) -> float:
    """The function ``name`` of ``x`` (and ``y``).

    Raises:
        ToolError: it has no real value there, or one beyond 1.8e308.
    """
    _refuse_outside_domain(name, x)
    if name in ("sin", "cos", "tan"):
        return _trigonometric(name, x)
    return finite(_numexpr(name, x, y), nonzero=name == "exp" or (name == "power" and x != 0))


def _trigonometric(name: str, x: float) -> float:
    # A sine smaller than the distance between floats at x is the sine of a multiple of pi, which
    # no float can be exactly: it is 0, and the tangent at such a cosine has no value.
    spacing = math.ulp(x)
    if abs(x) > 1e15:
        raise ToolError(
            f"{name} of a number above 1e15 cannot be computed precisely",
            hint="use an angle below 1e15",
        )
    if name == "tan" and abs(_numexpr("cos", x)) <= spacing:
        raise ToolError("tan has no value at an odd multiple of pi/2", hint="use another angle")
    value = _numexpr(name, x)
    return 0.0 if abs(value) <= spacing and abs(x) > 1 else finite(value)


def _refuse_outside_domain(name: str, x: float) -> None:
    if name == "sqrt" and x < 0:
        raise ToolError("a negative number has no real square root", hint="check the sign")
    if name in ("log", "log2", "log10") and x <= 0:
        raise ToolError(f"{name} needs a number above 0", hint="check the sign")
    if name in ("asin", "acos") and abs(x) > 1:
        raise ToolError(f"{name} needs a number from -1 to 1", hint="check the ratio")


def _numexpr(name: str, x: float, y: float = 0.0) -> float:
    import numexpr  # type: ignore[import-untyped]

    variables = {"x": x, "y": y} if name == "power" else {"x": x}
    value = numexpr.evaluate(_EXPRESSIONS[name], local_dict=variables, global_dict={})
    return cast(float, value.item())


def _beyond_double() -> ToolError:
    return ToolError(
        "the value is beyond 1.8e308, the limit of functions such as exp, log and sqrt",
        hint="use smaller numbers, or only + - * / ^, which are exact",
    )
