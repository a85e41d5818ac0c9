"""Wrong equations in a text are found, and nothing else is taken for one."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentlab.calculator.equations import MOST, wrong_equations


def found(text: str) -> list[str]:
    return [str(wrong) for wrong in wrong_equations(text)]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("That makes 30 + 46 + 38 + 11 + 18 = 153.", "30 + 46 + 38 + 11 + 18 = 143, not 153"),
        (r"\[ 24 + 24 + 24 - 19 = 63 \]", "24 + 24 + 24 - 19 = 53, not 63"),
        ("3 * $4 = $13 in all", "3 * 4 = 12, not 13"),
        (r"\(2 \times 6 = 13\)", "2 * 6 = 12, not 13"),
        (r"\frac{8}{20} = 0.5", "(8 / 20) = 0.4, not 0.5"),
        ("7 × 8 = 54", "7 * 8 = 56, not 54"),
        ("2 * (3 + 4) = 15", "2 * (3 + 4) = 14, not 15"),
        ("total = 5 * 4 = 21", "5 * 4 = 20, not 21"),
        ("1,200 * 2 = 2,500 pages", "1200 * 2 = 2400, not 2500"),
        ("20 - 5 = 14.5.", "20 - 5 = 15, not 14.5"),
        ("9 / 3 = 4", "9 / 3 = 3, not 4"),
        ("11 (snow) + 20 (truck) + 7 (rose) = 48 stamps", "11 + 20 + 7 = 38, not 48"),
        (
            r"\[ 11 \text{ (snow)} + 20 \text{ (truck)} = 41 \text{ stamps} \]",
            "11 + 20 = 31, not 41",
        ),
        ("3 apples + 4 apples = 8 apples", "3 + 4 = 7, not 8"),
        ("2 hours * 30 euros per hour = 61", "2 * 30 = 60, not 61"),
        ("1 / 3 = 0.35", "1 / 3 = 0.333333333333333, not 0.35"),
    ],
)
def test_a_wrong_equation_is_told_with_what_is_right(text: str, wrong: str) -> None:
    (told,) = found(text)
    left, _, right = wrong.partition(" = ")
    assert told.startswith(f"{left} = {right[:8]}")
    assert told.endswith(right.partition(", ")[2])


@pytest.mark.parametrize(
    "text",
    [
        "4 * 18 = 72, 10 / 3 = 3.33, 10 / 3 = 3.3 and 10 / 3 = 3",
        "18 + 18 / 2 = $27.00",
        "7 / 2 = 3 whole ones, or 4",  # cut or rounded
        "2x + 3 * 4 = 20",  # with a letter before it
        "x + 3 * 4 = 20",
        "a_2 * 3 = 7",
        "3 * 4 = 12 * 2 = 24",  # a chain of steps, as people write it
        "5 / 20 = 25%",
        "from 2020 - 2023 = 3 years",
        "3 dozen * 4 = 144",
        "1 hour - 20 minutes = 40 minutes",  # of two units
        "2 feet + 3 inches = 27",
        "1 hour / 20 minutes = 3",
        "10 percent * 200 = 20",
        "x = 500 and y = 3",
        "12,34 * 2 = 5",
        "1 / 0 = 7",
        "2 * 3 = 6(x)",
        "",
    ],
)
def test_what_is_right_or_none_is_left_alone(text: str) -> None:
    assert found(text) == []


@given(
    st.lists(st.integers(0, 999), min_size=2, max_size=6), st.sampled_from("+*"), st.integers(1, 9)
)
def test_any_sum_or_product(numbers: list[int], sign: str, off: int) -> None:
    left = f" {sign} ".join(map(str, numbers))
    value = Fraction(0 if sign == "+" else 1)
    for number in numbers:
        value = value + number if sign == "+" else value * number
    assert found(f"So {left} = {value} apples.") == []
    (wrong,) = wrong_equations(f"So {left} = {value + off} apples.")
    assert (wrong.left, wrong.said) == (left, str(value + off))


@given(st.text(alphabet="0123456789+-*/=(). ,$x\\{}^%\n", max_size=400))
def test_any_text_is_read(text: str) -> None:
    wrong_equations(text)


PIECES = [
    "1+",
    "(",
    "1 + 1 ",
    "= 1",
    "1 + 1 = 3 ",
    "1*(2+",
    "9,",
    "\\frac{1}{",
    "1 x ",
    "1",
    " ",
    "1    ",
    "1 ab ",
    "1 ab*",
]


@pytest.mark.parametrize("piece", PIECES)
def test_time_is_linear_in_the_text(piece: str) -> None:
    began = time.process_time()
    found_ = wrong_equations(piece * 20_000)
    assert len(found_) <= MOST
    assert time.process_time() - began < 5
