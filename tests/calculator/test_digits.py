"""Which digits of a float are shown, and which decide: those of double precision's noise do not."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from agentlab.calculator import evaluate
from agentlab.calculator.digits import Partial, places_of, to_digits
from agentlab.errors import ToolError


@pytest.mark.parametrize(
    "expression",
    [
        "sqrt(2)^2 - 2",
        "2 - sqrt(2)^2",
        "sin(pi/6) - 0.5",
        "log(1000)/log(10) - 3",
        "1 - cos(1e-9)",
        "exp(1e-20) - 1",
        "(sqrt(2)^2 - 2) * 1e20",
        "10*sqrt(3) - 9*sqrt(3) - sqrt(3)",
        "a = 10*sqrt(3); b = a - 9*sqrt(3); b - sqrt(3)",
        "sqrt(2 - sqrt(2)^2)",
        "ln(sqrt(2)^2/2)",
    ],
)
def test_a_difference_without_a_known_digit_is_0_and_marked(expression: str) -> None:
    result = evaluate(expression)
    assert (result.text, result.rounded) == ("0", True)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("pi - 3", "0.14159265358979"),
        ("3 - pi", "-0.14159265358979"),
        ("-(3 - pi)", "0.14159265358979"),
        ("abs(3 - pi)", "0.14159265358979"),
        ("pi - 22/7", "-0.00126448926735"),
        ("pi - 3 + 3", "3.14159265358979"),
        ("log(pi - 3.1415926)", "-16.741907"),
        ("sin(pi - 22/7)", "-0.00126448893038"),
        ("exp(pi - 3)", "1.1521072461879"),
        ("7 - pi", "3.85840734641021"),  # nothing cancels
        ("1e16*pi - 3.14159e16", "26535897900"),
        ("floor(1e16*pi - 3.14159e16)", "26535897900"),
        ("round(pi - 3, 15)", "0.14159265358979"),
        # What is computed from a difference has no more known digits, and loses none besides.
        ("(pi - 22/7) * 1000", "-1.26448926735"),
        ("1/(pi - 3)", "7.0625133059311"),
        ("a = pi - 3; 1/a", "7.0625133059311"),
        ("(pi - 3)^2", "0.020048479550599"),
        ("sqrt(pi - 3)", "0.37628799288549"),
        ("(pi - 3) % 0.1", "0.0415926535898"),
        ("ln(1.05^0.5)", "0.02439508208472"),
    ],
)
def test_digits_that_cancelled_are_left_out(expression: str, text: str) -> None:
    result = evaluate(expression)
    assert (result.text, result.rounded) == (text, True)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("floor(2 - sqrt(2)^2)", "0"),
        ("ceil(sqrt(2)^2 - 2)", "0"),
        ("floor(log(1000)/log(10) - 3)", "0"),
        ("floor(log(10^6)/log(10) - 5)", "1"),
        ("floor((log(10^6)/log(10) - 5) * 2)", "2"),
        ("sqrt(2)^2 - 2 = 0", "true"),
        ("sqrt(2)^2 - 2 > 0", "false"),
        ("log(2)/log(8) = 1/3", "true"),
        ("pi = 3.141592653589793", "true"),
        ("pi - 22/7 = -0.00126448926735", "true"),
        ("pi < 22/7", "true"),
        ("1e400 > pi", "true"),
        ("round(sqrt(2)^2 - 2, 2)", "0"),
        ("(sqrt(2)^2 - 2)!", "1"),
    ],
)
def test_noise_decides_nothing(expression: str, text: str) -> None:
    assert evaluate(expression).text == text


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("asin(sqrt(2)^2/2)", math.pi / 2),
        ("asin(-sqrt(2)^2/2)", -math.pi / 2),
        ("acos(sqrt(2)^2/2)", 0),
        ("acos(sqrt(3)^2/3)", 0),  # it is below 1 by as little
        ("(-10)^log(1000, 10)", -1000),
    ],
)
def test_noise_does_not_lead_out_of_a_domain(expression: str, value: float) -> None:
    assert evaluate(expression).value == value


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("asin(sqrt(1.0001))", "from -1 to 1"),
        ("(-10)^log(1001, 10)", "fractional exponent"),
        ("sqrt(3 - pi)", "no real square root"),
        ("log(8, sqrt(2)^2/2)", "base 1"),
        ("1/(sqrt(2)^2 - 2)", "division by zero"),
        ("1e-400 + 0*pi", "closer to 0"),
    ],
)
def test_what_has_no_value_is_refused(expression: str, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        evaluate(expression)


@pytest.mark.parametrize("number", range(2, 60))
def test_identities_hold(number: int) -> None:
    for left, right in (
        (f"sqrt({number})^2", f"{number}"),
        (f"exp(ln({number}))", f"{number}"),
        (f"({number}^(1/3))^3", f"{number}"),
        (f"log({number}^3)/log({number})", "3"),
        (f"sin({number})^2 + cos({number})^2", "1"),
        (f"sin(asin(1/{number}))", f"1/{number}"),
    ):
        assert evaluate(f"{left} = {right}").value is True, left
        assert evaluate(f"{left} - {right}").text == "0", left


@pytest.mark.parametrize(
    ("expression", "text", "rounded"),
    [
        ("1e-31", "1e-31", False),
        ("1.5e-40", "1.5e-40", False),
        ("1e-400", "1e-400", False),
        ("-123e-35", "-1.23e-33", False),
        ("1234567890123456e-50", "1.23456789012346e-35", True),
        ("1/3", "0.333333333333333", True),
    ],
)
def test_only_what_shows_less_is_marked(expression: str, text: str, rounded: bool) -> None:
    result = evaluate(expression)
    assert (result.text, result.rounded) == (text, rounded)


def test_a_partial_float_keeps_its_other_digits() -> None:
    value = Partial(-0.25, 1)
    assert (float(value), places_of(-value)) == (-0.25, 1)
    assert to_digits(value) == Fraction(-3, 10)
