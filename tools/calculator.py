"""The calculator, as a tool."""

from __future__ import annotations

from langchain_core.tools import tool

from agentlab.calculator import steps
from agentlab.errors import ToolError
from agentlab.tools import ToolPolicy

# What a local model may write: small ones else go on with "- 15 - 15 - 15", or with digits, for
# ever. Parentheses close, two deep. The calculator itself takes more.
_NUMBER = r"\$?[0-9]{1,15}(\.[0-9]{1,9})?"
_NAME = "[a-z][a-z_]{0,29}"
_FUNCTION = "abs|round|floor|ceil|min|max|mod|sqrt|exp|log|ln|sin|cos|tan"
_SIGN = r" ?(\*\*|//|[-+*/^%]|[<>]=?) ?| of "


def _sum(level: int, most: int) -> str:
    """A pattern of at most ``most`` terms; those in parentheses are up to ``level`` deep."""
    nested = ""
    if level:
        inner = _sum(level - 1, 6)
        nested = rf"|({_FUNCTION})?\({inner}(, {_sum(0, 4)}){{0,2}}\)"
    term = rf"-?({_NUMBER}|{_NAME}{nested})[%!]?"
    return rf"{term}(({_SIGN}){term}){{0,{most - 1}}}"


_STEP = rf"({_NAME} = )?{_sum(2, 12)}"
_PATTERN = rf"^({_STEP}; ){{0,11}}{_STEP}$"
POLICY = ToolPolicy(
    timeout=10, max_result=6_000, untrusted=False, patterns={"expression": _PATTERN}
)


@tool(parse_docstring=True)
def calculator(expression: str) -> str:
    """Compute an arithmetic expression exactly.

    Args:
        expression: Numbers with + - * / // % ^ ( ), "15% of 80", "200 + 10%", factorial !, and
            functions such as sqrt, round, min, max, log, sin. For example: 1299 * 0.85. Several
            steps in one call, with names: price = 1299; price * 0.85
    """
    told: list[str] = []
    try:
        for name, result in steps(expression):
            text = f"{result.text} (rounded)" if result.rounded else result.text
            told.append(f"{name} = {text}" if name else text)
    except ToolError as error:
        if not told:
            raise
        told.append(f"Error: {error} ({error.hint})")  # what came before it is of use
    return "\n".join(told)
