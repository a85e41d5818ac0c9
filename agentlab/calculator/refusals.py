"""The errors of text that is not in the grammar: what is wrong, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from agentlab.calculator.tokens import Token
from agentlab.errors import ToolError


def unexpected(token: Token) -> ToolError:
    """``token`` cannot stand where it does."""
    if token.kind == "end":
        return ToolError("the expression ends too soon", hint="a number is missing at the end")
    if token.text == ",":
        return ToolError(
            f"the comma at position {token.start + 1} parts nothing",
            hint="a comma groups thousands (1,234) or parts a function's arguments",
        )
    if token.text in ("<", "<=", ">", ">=", "=", "==", "!=", "≠"):
        return ToolError(
            "a comparison may only stand between two whole expressions", hint="write 2*3 < 7"
        )
    return ToolError(
        f"{token.text!r} at position {token.start + 1} is not expected there",
        hint="a number, a function or a parenthesis belongs between two operators",
    )


def unknown_name(token: Token, known: Sequence[str]) -> ToolError:
    """``token`` is a name, and none of ``known``."""
    near = difflib.get_close_matches(token.text, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known names: {', '.join(known)}"
    return ToolError(
        f"{token.text!r} at position {token.start + 1} is no function or constant", hint=hint
    )


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
    """In a call some commas have a space after them, and this one a group of three digits."""
    return ToolError(
        f"the comma at position {comma.start + 1} may group thousands or part arguments",
        hint="inside a function write numbers without thousands separators: max(1234, 5)",
    )
