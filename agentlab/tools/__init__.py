"""Tools: one file in a tools folder is one LangChain tool, run within its policy.

::

    search, calculator = load_tools("search", "calculator")
    calculator.invoke({"expression": "15% of 80"})      # '12'
"""

from __future__ import annotations

from agentlab.tools.guarded import GuardedTool, guard, observation
from agentlab.tools.loading import ToolInfo, describe_tool, list_tools, load_tools, tool_file
from agentlab.tools.policy import ToolPolicy, UnstatedPolicy, is_assumed, policy_of

__all__ = [
    "GuardedTool",
    "ToolInfo",
    "ToolPolicy",
    "UnstatedPolicy",
    "describe_tool",
    "guard",
    "is_assumed",
    "list_tools",
    "load_tools",
    "observation",
    "policy_of",
    "tool_file",
]
