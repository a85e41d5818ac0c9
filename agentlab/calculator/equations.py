"""The equations in a text, such as ``4 * 18 = 72``, and which of them are wrong.

Only what is surely arithmetic is looked at: numbers, signs and parentheses on the left, one number
on the right, and around it nothing that may be a part of it (see :mod:`.surroundings`). An equation
with letters in it is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from agentlab.calculator.evaluation import value_of
from agentlab.calculator.parser import parse
from agentlab.calculator.surroundings import begun, goes_on
from agentlab.errors import ToolError

MOST = 60  # equations of one text
_LONGEST = 40_000  # characters of it that are looked at
_SPACES = re.compile(r"[ \t]{2,}")
_NO_UNIT = re.compile(
    r"\b(?:pi|half|quarter|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|hundredth|thousandth"
    r"|percent|dozen|pair|score|ten|hundred|thousand|million|billion|dime|nickel|penny|pennie"
    r"|squared|cubed|doubled|tripled|halved|factorial|choose|root|power|of|than|and|plus|minus|times"
    r"|multiplied|divided|over|by|to|from|off|mod|log|ln|exp|sqrt|sin|cos|tan)s?\b",
    re.IGNORECASE,
)


def _ungrouped(match: re.Match[str]) -> str:
    return match[0].replace(",", "")


def _unlabelled(match: re.Match[str]) -> str:
    return match[0] if _NO_UNIT.search(match[0]) else ""


_TEX: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(?<=[A-Za-z:])\*\*|\*\*(?=[A-Za-z])"), ""),  # **Total:**
    (re.compile(r"\\(?:text|textbf|mathrm|mathbf|mathit)\s*\{([^{}]{0,60})\}"), r"\1"),
    (re.compile(r"\\[dt]?frac\s*\{([\d.,]+)\}\s*\{([\d.,]+)\}"), r"(\1 / \2)"),
    (re.compile(r"\\(?:times|cdot)\b|[×⋅·]"), "*"),
    (re.compile(r"\\div\b|÷"), "/"),
    # The currency of a right side is kept, as it may be another than that of the left.
    (re.compile(r"\\(?:left|right|,|;|!|quad)|\\[()\[\]]|(?<!=)(?<!= )[$€£]|\\(?=\$)"), ""),
    (re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?:,\d{3}){1,6}(?![\d,]*\d)"), _ungrouped),
    (re.compile(r"(?<=\d)(?: ?x | x|(?<!\b0)x)(?=\d)"), " * "),
    # 11 (large) + 20
    (re.compile(r"(?<=\d)[ \t]{0,3}\([A-Za-z][A-Za-z ]{0,30}\)(?=[ \t]*[-+*=])"), _unlabelled),
    (re.compile("−"), "-"),
)
_NUMBER = r"\d{1,18}(?:\.\d{1,18})?"
_EQUATION = re.compile(
    rf"(?P<left>[\d(][\d.+\-*/() \t]{{0,200}}?)[ \t]*=[ \t]*(?P<currency>[$€£]?)"
    rf"(?P<right>-?{_NUMBER})(?![\d.]*[ \t]*[-+*/^%(\\{{]|\.?\d)"
)
_UNIT = r"(?:[ \t]+[A-Za-z]{2,20}){1,3}"
_MEASURED = re.compile(
    rf"(?<!\d){_NUMBER}(?:{_UNIT})?(?:[ \t]*[-+*][ \t]*{_NUMBER}(?:{_UNIT})?){{1,12}}(?=[ \t]*=)"
)
_SAID_UNIT = re.compile(rf"[ \t]*=[ \t]*[$€£]?-?{_NUMBER}({_UNIT})?")
_POINTS = re.compile(r"(?<=\d)\.(?=\d{3}(?!\d))")  # between thousands, as some write them
_SPAN = re.compile(rf"{_NUMBER}\s*-\s*{_NUMBER}")
_OPERATOR = re.compile(r"[\d)]\s*[-+*/]")
# The right side may be told in another unit than the left: 45 + 75 = 2 hours, 50 + 75 = $1.25.
_MEASURE = re.compile(
    r"[ \t]*-?(?:h|hrs?|hours?|min|mins|minutes?|s|secs?|seconds?|days?|weeks?|months?|years?"
    r"|decades?|centur(?:y|ies)|(?:kilo|centi|milli|deci)?(?:met(?:er|re)|gram|lit(?:er|re))s?"
    r"|km|cm|mm|m|kg|mg|g|l|ml|cl|inch(?:es)?|feet|foot|ft|yards?|miles?|pounds?|lbs?|ounces?|oz"
    r"|tons?|tonnes?|kilos?|cups?|pints?|quarts?|gallons?|dollars?|euros?|cents?|pence|bits?|bytes?"
    r"|[KMG]i?B)\b"
)
_FACTORS = (
    *(2, 3, 4, 7, 8, 10, 12, 14, 16, 20, 24, 30, 36, 52, 60, 100, 365, 1000, 1024, 1440, 1760),
    *(2000, 3600, 5280, 10_000, 100_000, 1_000_000),
)


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
    for equation in _equations(text):
        value = _exactly(equation.left)
        if value is None or _holds(equation, value):
            continue
        found.append(Wrong(equation.left, equation.said, _told(value)))
    return found


@dataclass(frozen=True, slots=True)
class _Equation:
    left: str
    said: str
    signed: bool  # the bullet before it may be a minus sign
    measured: bool  # the right side has a unit or a currency


def _equations(text: str) -> Iterator[_Equation]:
    text = _SPACES.sub(" ", text[:_LONGEST])
    for pattern, new in _TEX:
        text = pattern.sub(new, text)
    text = _MEASURED.sub(_bare, text)
    for count, match in enumerate(_EQUATION.finditer(text)):
        if count == MOST:
            return
        if not _OPERATOR.search(match["left"]) or goes_on(text, match.end()):
            continue
        beginning = begun(text, match.start(), match["left"].strip())
        if beginning is None or not _OPERATOR.search(beginning[0]):
            continue
        measured = bool(match["currency"]) or _MEASURE.match(text, match.end()) is not None
        yield _Equation(beginning[0], match["right"], beginning[1], measured)


def _bare(match: re.Match[str]) -> str:
    """A sum of things of one unit, or a product, without the units; else as it is."""
    whole = match[0]
    units = {_singular(unit) for unit in re.findall(_UNIT, whole)}
    signs = set(re.findall(r"[-+*]", whole))
    if _NO_UNIT.search(whole) or (signs != {"*"} and (len(units) > 1 or "*" in signs)):
        return whole
    said = _SAID_UNIT.match(match.string, match.end())
    if units and said and said[1]:  # 45 minutes + 75 minutes = 2 hours
        words = {_singular(word) for word in said[1].split()}
        if not any(words & set(unit.split()) for unit in units):
            return whole
    return re.sub(_UNIT, "", whole)


def _singular(unit: str) -> str:
    return unit.strip().lower().removesuffix("s")


def _exactly(left: str) -> Fraction | None:
    try:
        value = value_of(parse(left))
    except ToolError:
        return None
    return value if isinstance(value, Fraction) else None


def _holds(equation: _Equation, value: Fraction) -> bool:
    """Whether ``value`` is what the equation says, in one of the ways in which it may be read."""
    said = Fraction(equation.said)
    if _agrees(value, equation.said):
        return True
    if _SPAN.fullmatch(equation.left) and said == -value:
        return True  # years, pages: from the first to the second
    if equation.signed:
        negative = _exactly("-" + equation.left)
        if negative is not None and _agrees(negative, equation.said):
            return True
    if _POINTS.search(equation.left + " " + equation.said):  # 1.000 + 1 = 1001
        whole = _exactly(_POINTS.sub("", equation.left))
        if whole is not None and _agrees(whole, _POINTS.sub("", equation.said)):
            return True
    return equation.measured and any(
        _agrees(value * factor, equation.said) or _agrees(value / factor, equation.said)
        for factor in _FACTORS
    )


def _agrees(value: Fraction, said: str) -> bool:
    told = Fraction(said)
    places = len(said.partition(".")[2])
    unit = Fraction(1, 10**places)
    if places >= 12:  # a double that stands for something near: 0.30000000000000004
        return abs(value - told) <= max(abs(value), Fraction(1)) * Fraction(1, 10**12)
    return told == value or ((value / unit).denominator != 1 and abs(value - told) < unit)


def _told(value: Fraction) -> str:
    from agentlab.calculator.formatting import format_number

    return format_number(value)[0]
