"""The calculator, as a tool."""

from __future__ import annotations

from langchain_core.tools import tool

from agentlab.calculator import evaluate
from agentlab.tools import ToolPolicy

POLICY = ToolPolicy(timeout=10, max_result=6_000)


@tool(parse_docstring=True)
def calculator(expression: str) -> str:
    """Compute an arithmetic expression exactly.

    Args:
        expression: Numbers with + - * / // % ^ ( ), "15% of 80", "200 + 10%", factorial !, and
            functions such as sqrt, round, min, max, log, sin. For example: 1299 * 0.85
    """
    result = evaluate(expression)
    return f"{result.text} (rounded)" if result.rounded else result.text
