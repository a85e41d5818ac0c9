"""A tree to its value: exact rationals, and floats where a float function takes part.

A float that decides something (a comparison, floor, ceil, round, ``//``, ``%``, a factorial, a
domain) is first rounded to the digits that are known (:mod:`.digits`), so that
``floor(log(1000, 10))`` is 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction

from agentlab.calculator import exact, floats
from agentlab.calculator.digits import (
    Partial,
    add,
    magnitude,
    places_of,
    to_digits,
    with_digits_of,
    with_places,
)
from agentlab.calculator.limits import checked
from agentlab.calculator.syntax import (
    Binary,
    Call,
    Change,
    Comparison,
    Constant,
    Factorial,
    Negative,
    Node,
    Number,
    Percent,
)
from agentlab.errors import ToolError

Value = Fraction | float
_CONSTANTS = {"pi": math.pi, "e": math.e}
_HUNDRED = Fraction(100)


def value_of(tree: Node | Comparison) -> Value | bool:
    """The value of ``tree``.

    Raises:
        ToolError: it has no real value, or one beyond the limits.
    """
    if isinstance(tree, Comparison):
        return _compare(tree.operator, _value(tree.left), _value(tree.right))
    return _value(tree)


def _value(node: Node) -> Value:
    match node:
        case Number(value):
            return value
        case Constant(name):
            return _CONSTANTS[name]
        case Negative(operand):
            return -_value(operand)
        case Factorial(operand):
            return exact.factorial(_decisive(_value(operand)))
        case Percent(operand):
            return _binary("/", _value(operand), _HUNDRED)
        case Binary(operator, left, right):
            return _binary(operator, _value(left), _value(right))
        case Change(left, percent):
            return _change(_value(left), _value(percent))
        case Call(name, arguments):
            return _call(name, [_value(argument) for argument in arguments])


def _decisive(value: Value) -> Fraction:
    return value if isinstance(value, Fraction) else to_digits(value)


def _compare(operator: str, left: Value, right: Value) -> bool:
    """As the difference of both is to 0, so that ``x = y`` holds where ``x - y = 0`` does."""
    if isinstance(left, Fraction) and isinstance(right, Fraction):
        difference = left - right
    else:
        difference, _ = add(left, -right)
    return {
        "<": difference < 0,
        "<=": difference <= 0,
        ">": difference > 0,
        ">=": difference >= 0,
        "=": difference == 0,
        "≠": difference != 0,
    }[operator]


def _change(left: Value, share: Value) -> Value:
    return _binary("+", left, _binary("*", left, share))


def _binary(operator: str, left: Value, right: Value) -> Value:
    if operator == "//":
        return _floor_quotient(left, right)
    if operator == "%":
        return _remainder(left, right)
    if operator == "^":
        return _power(left, right)
    if isinstance(left, Fraction) and isinstance(right, Fraction):
        return _exactly(operator, left, right)
    if operator in ("+", "-"):
        value, places = add(left, right if operator == "+" else -right)
        return with_places(floats.to_float(value), places)
    result = _in_floats(operator, floats.to_float(left), floats.to_float(right))
    return with_digits_of(result, left, right)


def _exactly(operator: str, left: Fraction, right: Fraction) -> Fraction:
    if operator == "+":
        return checked(left + right)
    if operator == "-":
        return checked(left - right)
    if operator == "*":
        return checked(left * right)
    return exact.divide(left, right)


def _in_floats(operator: str, left: float, right: float) -> float:
    if operator == "*":
        return floats.finite(left * right, nonzero=left != 0 and right != 0)
    if right == 0:
        hint = "the divisor must not be 0, nor a difference of which no digit is known"
        raise ToolError("division by zero", hint=hint)
    return floats.finite(left / right, nonzero=left != 0)


def _floor_quotient(left: Value, right: Value) -> Value:
    if isinstance(left, Fraction) and isinstance(right, Fraction):
        return exact.floor_divide(left, right)
    return _whole(math.floor, _binary("/", left, right))


def _remainder(left: Value, right: Value) -> Value:
    if isinstance(left, Fraction) and isinstance(right, Fraction):
        return exact.remainder(left, right)
    quotient = _floor_quotient(left, right)
    if quotient == 0:
        return left if isinstance(left, float) else floats.to_float(left)
    if not isinstance(quotient, Fraction) or abs(quotient) > 10**11:
        raise ToolError(
            "of so large a number, divided by a rounded one, no digit of the remainder is known",
            hint="use a smaller number, or whole numbers and decimals, which are exact",
        )
    a, b = _decisive(left), _decisive(right)
    # Both are known to 15 digits or fewer, so the remainder only to those of the larger.
    known = [13 - magnitude(max(abs(a), abs(b)))]
    known += [places_of(x) - 1 for x in (left, right) if isinstance(x, Partial)]
    rest = exact.round_half_away(a - b * quotient, min(known))
    return float(rest) if abs(rest) < abs(b) and rest * b > 0 else 0.0


def _whole(step: Callable[[Fraction | float], int], value: Value) -> Value:
    """``value`` to a whole number by ``step``: still a float where not all its digits are known."""
    if isinstance(value, float) and places_of(value) < 0:
        return with_digits_of(float(step(value)), value)
    return Fraction(step(_decisive(value)))


def _power(base: Value, exponent: Value) -> Value:
    if isinstance(base, Fraction) and isinstance(exponent, Fraction):
        result = exact.power(base, exponent)
        return floats.power(base, exponent) if result is None else result
    x, y = floats.to_float(base), floats.to_float(exponent)
    if x == 0 and y < 0:
        raise ToolError("0 has no negative power", hint="it would be a division by zero")
    if x < 0:
        times = _decisive(exponent)
        if times.denominator != 1:
            raise ToolError(
                "a negative number has no real power with a fractional exponent",
                hint="for an odd root write -(8^(1/3)) instead of (-8)^(1/3)",
            )
        y = float(times)
    return with_digits_of(floats.apply("power", x, y), base, exponent)


def _call(name: str, arguments: list[Value]) -> Value:
    special = _SPECIAL.get(name)
    if special is not None:
        return special(arguments)
    return _through(lambda x: floats.apply(name, floats.to_float(x)), arguments[0])


def _through(function: Callable[[Value], float], argument: Value) -> float:
    """``function`` of ``argument``, known as far as that lets it be."""
    result = function(argument)
    if not isinstance(argument, Partial):
        return result
    step = 0.5 * 10.0**-argument.places
    spread = 0.0
    for other in (float(argument) - step, float(argument) + step):
        with suppress(ToolError):  # outside of what it is defined for
            spread = max(spread, abs(function(other) - result))
    return with_places(result, math.floor(-math.log10(2 * spread))) if spread else result


def _sqrt(arguments: list[Value]) -> Value:
    value = arguments[0]
    if isinstance(value, Fraction) and value >= 0:
        root = exact.square_root(value)
        if root is not None:
            return root
    return with_digits_of(floats.apply("sqrt", floats.to_float(value)), value)


def _of_ratio(name: str, ratio: Value) -> float:
    """The arcsine or arccosine of ``ratio``, which is 1 where a float is 1 to its 15 digits."""
    if isinstance(ratio, float) and abs(to_digits(ratio)) == 1:
        return floats.apply(name, math.copysign(1.0, ratio))
    return _through(lambda x: floats.apply(name, floats.to_float(x)), ratio)


def _log(arguments: list[Value]) -> Value:
    logarithms = [_through(lambda x: floats.logarithm("log", x), a) for a in arguments]
    if len(logarithms) == 1:
        return logarithms[0]
    if _decisive(arguments[1]) == 1:
        raise ToolError("a logarithm cannot have the base 1", hint="write log(8, 2)")
    return with_digits_of(floats.finite(logarithms[0] / logarithms[1]), *logarithms)


def _round(arguments: list[Value]) -> Value:
    digits = _decisive(arguments[1]) if len(arguments) > 1 else Fraction(0)
    if digits.denominator != 1:
        raise ToolError("round needs a whole number of places", hint="write round(2.345, 2)")
    # Beyond 1,000 places it refuses, whatever the size of the number.
    places = max(-2000, min(2000, digits.numerator))
    value = arguments[0]
    rounded = exact.round_half_away(_decisive(value), places)
    if isinstance(value, float) and places > places_of(value):
        return value  # of the places asked for some are not known
    return rounded


_SPECIAL: dict[str, Callable[[list[Value]], Value]] = {
    "abs": lambda a: -a[0] if a[0] < 0 else a[0],
    "min": lambda a: min(a, key=_decisive),
    "max": lambda a: max(a, key=_decisive),
    "floor": lambda a: _whole(math.floor, a[0]),
    "ceil": lambda a: _whole(math.ceil, a[0]),
    "mod": lambda a: _remainder(a[0], a[1]),
    "round": _round,
    "sqrt": _sqrt,
    "asin": lambda a: _of_ratio("asin", a[0]),
    "acos": lambda a: _of_ratio("acos", a[0]),
    "log": _log,
    "ln": _log,
    "log2": lambda a: floats.logarithm("log2", a[0]),
    "log10": lambda a: floats.logarithm("log10", a[0]),
    "degrees": lambda a: _binary("/", _binary("*", a[0], Fraction(180)), math.pi),
    "radians": lambda a: _binary("/", _binary("*", a[0], math.pi), Fraction(180)),
}
