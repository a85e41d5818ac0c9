"""The errors of text that is not in the grammar: what is wrong, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from agentlab.calculator.tokens import RAISED, Token
from agentlab.errors import ToolError

_SCALE = "write the number in full, such as 1,500,000"
_POWER = "write a power with ^, such as 2^10"
_MEAN = "write (2 + 3 + 7) / 3"
_CHOICES = "write 5! / (2! * 3!) for 5 choose 2"
_ENDLESS = "there is no infinity and no nan"
# What to write in the place of words and functions that are not in the grammar.
_INSTEAD = {
    **dict.fromkeys(("percent", "pct"), "write 20% for 20 percent"),
    **dict.fromkeys(("plus", "add"), "write +"),
    **dict.fromkeys(("minus", "less"), "write -"),
    **dict.fromkeys(("times", "multiplied"), "write * to multiply"),
    **dict.fromkeys(("divided", "over", "div"), "write / to divide, // to divide and round down"),
    **dict.fromkeys(("modulo", "modulus", "rem", "remainder"), "write mod(17, 5)"),
    "mod": "write mod(17, 5)",
    **dict.fromkeys(("squared", "cubed", "to", "pow", "power"), _POWER),
    **dict.fromkeys(("k", "hundred", "thousand", "million", "billion", "dozen"), _SCALE),
    **dict.fromkeys(("deg", "degree", "degrees"), "write radians(30) for 30 degrees"),
    **dict.fromkeys(("and", "or", "not"), "compare two values at a time"),
    **dict.fromkeys(("half", "quarter", "third"), "write a fraction, such as 1/2 of 50"),
    **dict.fromkeys(("twice", "double", "triple"), "write 2 * or 3 *"),
    **dict.fromkeys(("choose", "comb", "ncr", "binomial"), _CHOICES),
    **dict.fromkeys(("avg", "average", "mean"), _MEAN),
    **dict.fromkeys(("inf", "infinity", "nan"), _ENDLESS),
    **dict.fromkeys(("cbrt", "root"), "write 27^(1/3), or sqrt(16)"),
    **dict.fromkeys(("int", "trunc"), "write floor(2.5), or ceil(-2.5) below 0"),
    "sum": "write 1 + 2 + 3",
    "factorial": "write 5!",
    "lg": "write log10(100)",
}


def unexpected(token: Token) -> ToolError:
    """``token`` cannot stand where it does."""
    if token.kind == "end":
        return ToolError("the expression ends too soon", hint="a number is missing at the end")
    if token.text == RAISED:
        return ToolError(
            f"nothing stands before the superscript at position {token.start + 1}",
            hint="write the number that is raised, such as 2²",
        )
    if token.text == ",":
        return ToolError(
            f"the comma at position {token.start + 1} parts nothing",
            hint="a comma groups thousands (1,234) or parts a function's arguments",
        )
    if token.text in ("<", "<=", ">", ">=", "=", "==", "!=", "≠"):
        if token.start == 0:
            return ToolError(
                "nothing stands before the comparison sign", hint="leave out a first '='"
            )
        return ToolError(
            "a comparison may only stand between two whole expressions", hint="write 2*3 < 7"
        )
    return ToolError(
        f"{token.text!r} at position {token.start + 1} is not expected there",
        hint="a number, a function or a parenthesis belongs between two operators",
    )


def unknown_name(token: Token, known: Sequence[str]) -> ToolError:
    """``token`` is a name, and none of ``known``."""
    near = difflib.get_close_matches(token.text, known, n=1) if len(token.text) > 2 else []
    if token.text in _INSTEAD:
        hint = _INSTEAD[token.text]
    elif near:
        hint = f"did you mean {near[0]}?"
    else:
        hint = f"leave units out, or name a value first: x = 5; known names: {', '.join(known)}"
    return ToolError(
        f"{token.text!r} at position {token.start + 1} is no function or constant", hint=hint
    )


def no_operator(left: Token, token: Token, *, word: bool) -> ToolError:
    """Nothing stands between ``left`` and ``token``; ``word``: a name that means nothing."""
    hint = "write * to multiply, as in 2 * (3 + 4)"
    if token.text in _INSTEAD:
        hint = _INSTEAD[token.text]
    elif word:
        hint = "leave units and other words out, and write * to multiply"
    elif left.kind == token.kind == "number":
        hint = "write 1,000 or 1000, a mixed number as 1 + 1/2, and * to multiply"
    return ToolError(f"no operator stands between {left.text!r} and {token.text!r}", hint=hint)


def wrong_count(token: Token, count: int, least: int, most: int | None) -> ToolError:
    """The function ``token`` was given ``count`` arguments."""
    if most is None:
        wanted = f"{least} or more arguments"
    elif least == most:
        wanted = "1 argument" if least == 1 else f"{least} arguments"
    else:
        wanted = f"{least} or {most} arguments"
    return ToolError(
        f"{token.text} takes {wanted}, not {count}",
        hint="inside a function write numbers without thousands separators",
    )


def mixed_comma(comma: Token) -> ToolError:
    """In a call three digits follow this comma, and it can be read in two ways."""
    return ToolError(
        f"the comma at position {comma.start + 1} may group thousands or part arguments",
        hint="inside a function write numbers without thousands separators, and a space after a "
        "comma that parts: max(1234, 5)",
    )
