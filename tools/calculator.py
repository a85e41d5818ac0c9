"""The calculator, as a tool."""

from __future__ import annotations

from typing import Annotated

from langchain_core.tools import tool
from pydantic import WithJsonSchema

from agentlab.calculator import evaluate
from agentlab.tools import ToolPolicy

POLICY = ToolPolicy(timeout=10, max_result=6_000, untrusted=False)

# For small models decoded under the schema, which else may write "- 15 - 15 - 15" for ever: at most
# five operators, each with something after it. The calculator itself takes more.
_OPERAND = r" ?[\w.$(][^-+*/\n\"]{0,24}"
_SHORT = rf"^-?{_OPERAND}([-+*/]{_OPERAND}){{0,5}}$"
Expression = Annotated[str, WithJsonSchema({"type": "string", "pattern": _SHORT})]


@tool(parse_docstring=True)
def calculator(expression: Expression) -> str:
    """Compute an arithmetic expression exactly.

    Args:
        expression: Numbers with + - * / // % ^ ( ), "15% of 80", "200 + 10%", factorial !, and
            functions such as sqrt, round, min, max, log, sin. For example: 1299 * 0.85
    """
    result = evaluate(expression)
    return f"{result.text} (rounded)" if result.rounded else result.text
