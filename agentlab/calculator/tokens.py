"""Text to tokens, in one pass over the characters.

What is not in the grammar is refused by its code point; a few Unicode signs stand for ASCII ones.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from agentlab.calculator.limits import MAX_BITS, MAX_TOKENS, check_length, too_large, too_small
from agentlab.errors import ToolError

Kind = Literal["number", "name", "operator", "currency", "end"]

_MAPPED = {
    **dict.fromkeys("×✕✖⋅·∙∗", "*"),
    **dict.fromkeys("÷∕⁄", "/"),
    **dict.fromkeys("−–—‒﹣‐‑―", "-"),
    **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u202f\u200a\u3000\t\n\r", " "),
    "≤": "<=",
    "≥": ">=",
    "≠": "≠",
    "√": "√",
    "π": "pi",
}
_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789", strict=True))
# What to write in the place of signs that are not in the grammar.
_INSTEAD = {
    **dict.fromkeys("[]{}", "write parentheses: (2 + 3) * 4"),
    "|": "write abs(-5)",
    ":": "write / to divide, and = to name a value",
    ";": "part a function's arguments by commas",
    "\\": "write * / ^ and sqrt(16), not TeX",
    **dict.fromkeys("\"'`’", "leave quotation marks out"),
    "°": "write radians(30) for 30 degrees",
    "∛": "write 27^(1/3)",
    "¢": "write 0.50",
    "≈": "write = or <",
    "?": "leave out = ?",
}
_CURRENCIES = frozenset("$€£¥₹")
RAISED = "↑"  # a superscript follows: it belongs to what is before it, and to nothing behind it
_OPERATORS = ("**", "//", "<=", ">=", "==", "!=", *"+-*/%^()!,<>=≠√", RAISED)
_NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+(?![0-9,])")
_DECIMALS = re.compile(r"\.[0-9]+")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Token:
    """One token; ``start`` and ``end`` are character positions, from 0, in the mapped text."""

    kind: Kind
    text: str
    start: int
    end: int
    value: Fraction = Fraction(0)

    def touches(self, other: Token) -> bool:
        """Whether ``other`` follows with no space between."""
        return self.end == other.start


def tokenize(text: str) -> list[Token]:
    """The tokens of ``text``, with one of kind ``end`` last.

    Raises:
        ToolError: a character that is not in the grammar, a malformed number, or too long a text.
    """
    check_length(text)
    plain = _to_ascii(text)
    tokens: list[Token] = []
    calls: list[bool] = []  # for each open parenthesis, whether it holds a function's arguments
    position = 0
    while position < len(plain):
        if plain[position] == " ":
            position += 1
            continue
        # In a call a comma parts arguments; elsewhere it can only group thousands.
        token = _token_at(plain, position, grouping=not (calls and calls[-1]))
        if token.text == "(":
            calls.append(bool(tokens) and tokens[-1].kind == "name" and tokens[-1].text != "of")
        elif token.text == ")" and calls:
            calls.pop()
        tokens.append(token)
        position = token.end
        if len(tokens) > MAX_TOKENS:
            raise ToolError(
                f"the expression has more than {MAX_TOKENS} parts",
                hint="split it into several calculations",
            )
    return [*tokens, Token("end", "", len(plain), len(plain))]


def _to_ascii(text: str) -> str:
    """``text`` with full-width characters, superscripts and mathematical signs mapped."""
    pieces: list[str] = []
    raised = False  # within a run of superscript digits
    for position, sign in enumerate(text):
        if sign == "⁻" and not raised and text[position + 1 : position + 2] in _SUPERSCRIPTS:
            pieces.append(f"{RAISED}-")
            raised = True
            continue
        digit = _SUPERSCRIPTS.get(sign)
        if digit is not None:
            pieces.append(digit if raised else RAISED + digit)
            raised = True
            continue
        decimals = sign == "." and text[position + 1 : position + 2].isdigit()
        if raised and (sign.isalnum() or decimals):
            raise ToolError(
                f"{sign!r} follows a superscript at position {position + 1}",
                hint="write a power with ^, such as 2^10",
            )
        raised = False
        if "！" <= sign <= "～":  # full-width forms of printable ASCII
            sign = chr(ord(sign) - 0xFEE0)
        sign = _MAPPED.get(sign, sign)
        if sign in _MAPPED.values() or sign in _CURRENCIES or _is_plain(sign):
            pieces.append(sign)
        else:
            raise _refused(sign, position)
    return "".join(pieces)


def _is_plain(sign: str) -> bool:
    return sign.isascii() and (sign.isalnum() or sign in " .,+-*/%^()!<>=_")


def _refused(sign: str, position: int) -> ToolError:
    name = unicodedata.name(sign, "a control character")
    instead = _INSTEAD.get(sign, "")
    if "VULGAR FRACTION" in name:
        instead = f"write {Fraction(unicodedata.numeric(sign)).limit_denominator(10)}"
    return ToolError(
        f"the character U+{ord(sign):04X} ({name}) at position {position + 1} is not allowed",
        hint=f"{instead and instead + '; '}use digits, + - * / // % ^ ( ) ! < > =, 'of' and "
        "function names",
    )


def _token_at(plain: str, start: int, *, grouping: bool) -> Token:
    sign = plain[start]
    if sign.isdigit() or (sign == "." and plain[start + 1 : start + 2].isdigit()):
        return _number_at(plain, start, grouping=grouping)
    if match := _NAME.match(plain, start):
        return Token("name", match.group().lower(), start, match.end())
    if sign in _CURRENCIES:
        return Token("currency", sign, start, start + 1)
    operator = next((o for o in _OPERATORS if plain.startswith(o, start)), None)
    if operator is None:  # a point or an underscore
        hint = "write a decimal such as 0.5"
        if sign == "_":
            hint = "write 1,000 or 1000, and begin a name with a letter"
        elif start and plain[start - 1].isalpha():
            hint = "write a function alone: sqrt(16), not math.sqrt(16)"
        raise ToolError(f"{sign!r} at position {start + 1} is not part of a number", hint=hint)
    return Token("operator", operator, start, start + len(operator))


def _number_at(plain: str, start: int, *, grouping: bool) -> Token:
    digits = ""
    at = start
    if grouping and (group := _GROUPED.match(plain, start)):
        digits, at = group.group().replace(",", ""), group.end()
        if decimals := _DECIMALS.match(plain, at):
            digits, at = digits + decimals.group(), decimals.end()
    else:
        match = _NUMBER.match(plain, start)
        assert match is not None  # the caller saw a digit, or a point before a digit
        digits, at = match.group(), match.end()
    following = plain[at : at + 1]
    if following == "." or (following == "," and grouping):
        hint = "write 1234.56 or 1,234.56: a point before the decimals, groups of three digits"
        if re.match(r", *[A-Za-z]", plain[at : at + 20]):
            hint = "part several expressions by semicolons: a = 5; b = 3"
        raise ToolError(
            f"the number at position {start + 1} is malformed: {plain[start : at + 4]!r}", hint=hint
        )
    return Token("number", plain[start:at], start, at, _fraction(digits))


def _fraction(digits: str) -> Fraction:
    mantissa, _, exponent = digits.lower().partition("e")
    # 10^n has 3.33 n bits; the exponent's own length is bounded by that of the text.
    if exponent and (len(exponent) > 6 or abs(int(exponent)) * 3.33 > MAX_BITS):
        raise too_small() if exponent.startswith("-") else too_large()
    return Fraction(mantissa.rstrip(".")) * Fraction(10) ** int(exponent or 0)
