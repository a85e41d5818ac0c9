"""What models write that is not in the grammar: the error tells what to write instead."""

from __future__ import annotations

import pytest

from agentlab.calculator import evaluate
from agentlab.errors import ToolError


@pytest.mark.parametrize(
    ("expression", "hint"),
    [
        ("5km", "leave units"),
        ("5 km + 3 km", "leave units"),
        ("1/2 cup", "leave units"),
        ("100 EUR", "leave units"),
        ("USD 100", "leave units"),
        ("2x3", "write *"),
        ("2 sqrt(16)", "write *"),
        ("1 1/2 + 1", "1 + 1/2"),
        ("1 000 + 5", "1,000 or 1000"),
        ("1_000", "1,000 or 1000"),
        ("½ of 20", "write 1/2;"),
        ("2⅔", "write 2/3;"),
        ("20 percent of 50", "20%"),
        ("half of 50", "1/2 of 50"),
        ("twice 5", "2 *"),
        ("3 plus 4", "write +"),
        ("10 minus 4", "write -"),
        ("3 times 4", "write *"),
        ("10 divided by 2", "write /"),
        ("7 mod 3", "mod(17, 5)"),
        ("5 squared", "with ^"),
        ("pow(2, 10)", "with ^"),
        ("1.5 million", "in full"),
        ("factorial(5)", "5!"),
        ("sum(1, 2)", "1 + 2 + 3"),
        ("average(1, 2)", "/ 3"),
        ("cbrt(27)", "27^(1/3)"),
        ("∛27", "27^(1/3)"),
        ("int(2.5)", "floor"),
        ("ceiling(2.5)", "ceil"),
        ("lg(100)", "log10"),
        ("5 choose 2", "5! / (2! * 3!)"),
        ("sin 30", "sin(16)"),
        ("sin(30°)", "radians(30)"),
        ("sin(30 degrees)", "radians(30)"),
        ("math.sqrt(16)", "sqrt(16), not"),
        ("infinity", "no infinity"),
        ("x + 1", "x = 5"),
        ("|-5|", "abs(-5)"),
        ("[2 + 3] * 4", "parentheses"),
        ("2 \\times 3", "not TeX"),
        ("'2 + 3'", "quotation marks"),
        ("3:4", "write /"),
        ("2+2 = ?", "leave out = ?"),
        ("= 2 + 3", "leave out a first '='"),
        ("1 < 2 and 2 < 3", "two values at a time"),
    ],
)
def test_the_hint_tells_what_to_write(expression: str, hint: str) -> None:
    with pytest.raises(ToolError) as caught:
        evaluate(expression)
    assert hint in caught.value.hint


def test_a_name_that_is_set_means_its_value() -> None:
    assert evaluate("half = 1/2; half * 50").text == "25"
    assert evaluate("sum = 1 + 2; mean = sum / 2; mean").text == "1.5"
