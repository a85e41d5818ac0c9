"""Tools: one file in a tools folder is one LangChain tool, run within its policy.

::

    search, calculator = load_tools("search", "calculator")
    calculator.invoke({"expression": "15% of 80"})      # '12'
"""

from __future__ import annotations

from agentlab.tools.guarded import GuardedTool, guard
from agentlab.tools.loading import list_tools, load_tools, tool_file
from agentlab.tools.policy import ToolPolicy, policy_of

__all__ = [
    "GuardedTool",
    "ToolPolicy",
    "guard",
    "list_tools",
    "load_tools",
    "policy_of",
    "tool_file",
]
