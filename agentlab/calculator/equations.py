"""The equations in a text, such as ``4 * 18 = 72``, and which of them are wrong.

Only what is surely arithmetic is looked at: numbers, signs and parentheses on the left, one number
on the right. An equation with letters in it is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from agentlab.calculator.evaluation import value_of
from agentlab.calculator.parser import parse
from agentlab.errors import ToolError

MOST = 60  # equations of one text
_LONGEST = 40_000  # characters of it that are looked at
_SPACES = re.compile(r"[ \t]{2,}")
_TEX = (
    (re.compile(r"\\(?:text|textbf|mathrm|mathbf|mathit)\s*\{([^{}]{0,60})\}"), r"\1"),
    (re.compile(r"\\[dt]?frac\s*\{([\d.,]+)\}\s*\{([\d.,]+)\}"), r"(\1 / \2)"),
    (re.compile(r"\\(?:times|cdot)\b|[×⋅·]"), "*"),
    (re.compile(r"\\div\b|÷"), "/"),
    (re.compile(r"\\(?:left|right|,|;|!|quad)|\\[()\[\]]|[$€£]|\\\$"), ""),
    (re.compile(r"(?<=\d),(?=\d{3}(?!\d))"), ""),  # thousands
    (re.compile(r"(?<=\d) ?x ?(?=\d)"), " * "),
    # 11 (large) + 20
    (re.compile(r"(?<=\d)[ \t]{0,3}\([A-Za-z][A-Za-z ]{0,30}\)(?=[ \t]*[-+*=])"), ""),
    (re.compile("−"), "-"),
)
_NUMBER = r"\d{1,18}(?:\.\d{1,18})?"
_EQUATION = re.compile(
    rf"(?P<left>[\d(][\d.+\-*/() \t]{{0,200}}?)[ \t]*=[ \t]*(?P<right>-?{_NUMBER})"
    rf"(?![\d.]*[ \t]*[-+*/^%(\\{{]|\.?\d)"
)
_UNIT = r"(?:[ \t]+[A-Za-z]{2,20}){1,3}"
_MEASURED = re.compile(
    rf"(?<!\d){_NUMBER}(?:{_UNIT})?(?:[ \t]*[-+*][ \t]*{_NUMBER}(?:{_UNIT})?){{1,12}}(?=[ \t]*=)"
)
_NO_UNIT = re.compile(
    r"\b(?:pi|half|quarter|third|percent|dozen|pair|score|hundred|thousand|million|billion|of|than"
    r"|and|plus|minus|times|mod|log|ln|exp|sqrt|sin|cos|tan)s?\b",
    re.IGNORECASE,
)
_SPAN = re.compile(rf"{_NUMBER}\s*-\s*{_NUMBER}")
_OPERATOR = re.compile(r"[\d)]\s*[-+*/]")
_JOINED = re.compile(r"[-+*/^(_\\%)][ \t]*$|[\w.,]$")  # before it: a part of something longer


@dataclass(frozen=True, slots=True)
class Wrong:
    """An equation that does not hold: its left side, what it says, and what is right."""

    left: str
    said: str
    right: str

    def __str__(self) -> str:
        return f"{self.left} = {self.right}, not {self.said}"


def wrong_equations(text: str) -> list[Wrong]:
    """The equations of ``text`` that do not hold, in order.

    A rounded number is right: to its last digit where the exact one has more, up or down.
    """
    found = []
    for left, said in _equations(text):
        value = _exactly(left)
        if value is None or _agrees(left, value, said):
            continue
        found.append(Wrong(left, said, _told(value)))
    return found


def _equations(text: str) -> Iterator[tuple[str, str]]:
    text = _SPACES.sub(" ", text[:_LONGEST])
    for pattern, new in _TEX:
        text = pattern.sub(new, text)
    text = _MEASURED.sub(_bare, text)
    for count, match in enumerate(_EQUATION.finditer(text)):
        if count == MOST:
            return
        left = match["left"].strip()
        before = text[max(match.start() - 20, 0) : match.start()]
        if _OPERATOR.search(left) and not _JOINED.search(before):
            yield left, match["right"]


def _bare(match: re.Match[str]) -> str:
    """A sum of things of one unit, or a product, without the units; else as it is."""
    whole = match[0]
    units = {unit.strip().lower().removesuffix("s") for unit in re.findall(_UNIT, whole)}
    signs = set(re.findall(r"[-+*]", whole))
    if _NO_UNIT.search(whole) or (signs != {"*"} and (len(units) > 1 or "*" in signs)):
        return whole
    return re.sub(_UNIT, "", whole)


def _exactly(left: str) -> Fraction | None:
    try:
        value = value_of(parse(left))
    except ToolError:
        return None
    return value if isinstance(value, Fraction) else None


def _agrees(left: str, value: Fraction, said: str) -> bool:
    told = Fraction(said)
    if told == value:
        return True
    if _SPAN.fullmatch(left) and told == -value:  # years, pages: from the first to the second
        return True
    unit = Fraction(1, 10 ** len(said.partition(".")[2]))
    return (value / unit).denominator != 1 and abs(value - told) < unit


def _told(value: Fraction) -> str:
    from agentlab.calculator.formatting import format_number

    return format_number(value)[0]
