"""Random expressions against exact fractions, and random text that is answered or refused."""

from __future__ import annotations

import random
import time
from decimal import Decimal
from fractions import Fraction

import hypothesis
import pytest

from agentlab.calculator import Result, evaluate
from agentlab.errors import ToolError

PROPERTIES = 5_000


def _fuzz_count() -> int:
    """20,000 strings, and ten times as many under `make fuzz`."""
    return 200_000 if hypothesis.settings.get_current_profile_name() == "fuzz" else 20_000


def _result_or_error(text: str) -> Result | ToolError:
    try:
        return evaluate(text)
    except ToolError as error:
        return error


def _number(rng: random.Random) -> tuple[str, Fraction]:
    style = rng.randrange(5)
    if style == 0:
        value = rng.randrange(10_000_000)
        return f"{value:,}", Fraction(value)
    if style == 1:
        text = f"{rng.randrange(1000)}.{rng.randrange(1000):03d}"
        return text, Fraction(text)
    if style == 2:
        text = f"{rng.randrange(1, 100)}e{rng.randrange(-4, 5)}"
        return text, Fraction(Decimal(text))
    value = rng.randrange(20)
    return str(value), Fraction(value)


def _expression(rng: random.Random, depth: int) -> tuple[str, Fraction]:
    """A random expression, fully parenthesised at random, and its value by Fraction's operators."""
    if depth == 0 or rng.random() < 0.15:
        return _number(rng)
    kind = rng.choice(["+", "-", "*", "/", "//", "%", "^", "neg", "percent of", "abs", "call"])
    left, a = _expression(rng, depth - 1)
    right, b = _expression(rng, depth - 1)
    left, right = f"({left})", f"({right})"
    space = rng.choice(["", " "])
    match kind:
        case "+" | "-" | "*":
            value = {"+": a + b, "-": a - b, "*": a * b}[kind]
            sign = rng.choice({"+": "+＋", "-": "-−", "*": "*×"}[kind])
            return f"{left}{space}{sign}{space}{right}", value
        case "/" | "//" | "%" if b != 0:
            value = {"/": lambda: a / b, "//": lambda: Fraction(a // b), "%": lambda: a % b}[kind]()
            return f"{left}{space}{kind}{space}{right}", value
        case "^" if a != 0:
            power = rng.randrange(-3, 4)
            return f"{left}^{power}" if power >= 0 else f"{left}**({power})", a**power
        case "neg":
            return f"-{left}", -a
        case "percent of":
            return f"{left}% of {right}", a * b / 100
        case "abs":
            return f"abs({left})", abs(a)
        case "call":
            return f"max({left}, {right}) - min({right},{left})", abs(a - b)
    return _number(rng)


def test_random_expressions_equal_exact_fractions() -> None:
    rng = random.Random(20_250_101)
    checked = 0
    while checked < PROPERTIES:
        text, expected = _expression(rng, rng.randrange(1, 5))
        result = _result_or_error(text)
        if isinstance(result, ToolError):  # only a limit may stop a valid expression
            assert any(w in str(result) for w in ("characters", "parts", "digits")), (text, result)
            continue
        assert result.value == expected, text
        if result.rounded:
            assert abs(Fraction(Decimal(result.text)) - expected) <= abs(expected) / 10**14, text
        else:
            assert Fraction(Decimal(result.text)) == expected, text
        checked += 1


def test_precedence_equals_pythons() -> None:
    """Without parentheses, on the operators that Python has too, evaluated on Fractions."""
    rng = random.Random(7)
    for _ in range(2_000):
        count = rng.randrange(2, 6)
        numbers = [str(rng.randrange(1, 30)) for _ in range(count)]
        signs = [rng.choice(["+", "-", "*", "/", "//", " % "]) for _ in range(count - 1)]
        prefixes = [rng.choice(["", "", "-"]) if i == 0 else "" for i in range(count)]
        pieces = [p + n + s for p, n, s in zip(prefixes, numbers, [*signs, ""], strict=True)]
        python = "".join(
            f"{p}F({n}){s}" for p, n, s in zip(prefixes, numbers, [*signs, ""], strict=True)
        )
        try:
            expected = eval(python, {"F": Fraction})
        except ZeroDivisionError:
            continue
        assert evaluate("".join(pieces)).value == expected, pieces


_ALPHABET = (
    *"0123456789.,+-*/%^()!<>= eE",
    *("**", "//", "of ", "sqrt(", "max(", "log(", "round(", "tan(", "pi", "10%", "!=", "1e", "999"),
    *"×÷−²³½٣∞√π$€_[]{}'\"\\`:;@#&|~?\x00\u202e１＋ＦxXnanINFj\n\t\ud800😀",
    *("nan", "inf", "__import__", "lambda", "9**9**9", "import os"),
    *("; ", "a = ", "a", "b_1 = "),
)


@pytest.mark.hypothesis  # `make fuzz` takes what is so marked
def test_random_text_gives_an_answer_or_a_typed_error() -> None:
    rng = random.Random(99)
    answered = 0
    slowest = 0.0
    count = _fuzz_count()
    for _ in range(count):
        text = "".join(rng.choice(_ALPHABET) for _ in range(rng.randrange(1, 40)))
        if rng.random() < 0.5:  # a valid expression with a few signs changed gets further in
            text, _value = _expression(rng, 3)
            at = rng.randrange(len(text) + 1)
            text = text[:at] + rng.choice(_ALPHABET) + text[at + rng.randrange(2) :]
        if rng.random() < 0.2:
            text = f"a = 7; {text}"
        begun = time.process_time()
        result = _result_or_error(text)
        if isinstance(result, ToolError):
            assert str(result)
            assert result.hint
        else:
            answered += 1
            assert result.text in ("true", "false") or Decimal(result.text).is_finite(), text
        slowest = max(slowest, time.process_time() - begun)
    assert answered > count / 20  # else the text is too wild to test what lies behind the tokens
    assert slowest < 2  # seconds; a run-away computation takes minutes


@pytest.mark.parametrize(
    "expression",
    [
        "*".join(["9" * 4] * 100),
        "+".join(f"1/{n}" for n in range(10_001, 10_060)),
        "^".join(["2"] * 45),
        "1/3^9000 + " + "+".join(f"1/{n}^900" for n in range(101, 130)),
        "+".join(["7^5000/11^4000"] * 30),
        "(2^16000-1)^(1/3) + (3^9000)^(1/7) + (2^16000-1)^(1/8000)",
        "/".join(["(7^5000/11^4000)"] * 30),
        "round(" * 20 + "7^5000/11^4000" + ", 900)" * 20,
        "1860!" + " * 2" * 90,
        "(" * 50 + "1" + ")" * 50,
        "a = 7^5000/11^4000;" + "a = a/a*a;" * 290,
        "a = 2;" + "a = a^a;" * 370,
        "+".join(["(1+1/10^4900)^(10^30-1)"] * 20),
        "+".join(["(7^5000/11^4000)^(1/10^4000)"] * 15),
    ],
)
def test_the_worst_expressions_end_soon(expression: str) -> None:
    begun = time.process_time()
    _result_or_error(expression)
    assert time.process_time() - begun < 2  # seconds
