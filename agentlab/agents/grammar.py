"""The grammar of one step, built from the live tools.

A local model decodes under it, so a step is never malformed, a tool never unknown and a required
argument never missing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from agentlab.models._arguments import LAYOUT, bounded
from agentlab.tools import policy_of

# Of a thought. Small models reason best the way they were taught to, over many lines, some empty.
_MOST_LINES = 60
_LONGEST_LINE = 400  # characters
# What no later line of a thought begins with: all that a StepReader takes for a label.
_LABEL = (
    r"[ >*_#`-]*(thought|action|action[ _]?input|final[ _]?answer|observation|question|task)"
    r"[ *_`]*[:：].*"
)


def step_grammar(tools: Sequence[BaseTool], *, final: bool = False, whole: bool = False) -> str:
    """A Lark grammar: a thought, then a call of one of ``tools`` or the answer.

    A thought may end without either: a model that thinks it has answered, say in a box, and may not
    end goes on in circles until it is cut. :func:`rest_grammar` is for what such a step lacks.
    With ``whole`` one of them must follow, and with ``final`` the answer.
    """
    callable_tools = () if final else tuple(tools)
    then = f'("\\n" ({_ways(callable_tools)}))' + ("" if final or whole else "?")
    lines = [
        f'start: "Thought: " FIRST ("\\n" LINE){{0,{_MOST_LINES - 1}}} {then}',
        rf"FIRST: /[^\s\x00-\x1f][^\n\x00-\x1f]{{0,{_LONGEST_LINE - 1}}}/",
        rf"LINE: /[^\n\x00-\x1f]{{0,{_LONGEST_LINE}}}/ & ~/{_LABEL}/i",
    ]
    return "\n".join([*lines, *_rules(callable_tools)]) + "\n"


def rest_grammar(tools: Sequence[BaseTool]) -> str:
    """A Lark grammar: a call of one of ``tools`` or the answer, without a thought."""
    return "\n".join([f"start: {_ways(tools)}", *_rules(tools)]) + "\n"


def _ways(tools: Sequence[BaseTool]) -> str:
    return " | ".join([*(f"call_{n}" for n in range(len(tools))), "final"])


def _rules(tools: Sequence[BaseTool]) -> list[str]:
    lines = [
        'final: "Final Answer: " ANSWER',
        r"ANSWER: /[^\s](.|\n)*/",
    ]
    for n, tool in enumerate(tools):
        head = json.dumps(f"Action: {tool.name}\nAction Input: ", ensure_ascii=False)
        schema = json.dumps({"x-guidance": LAYOUT, **bounded(_narrowed(tool))})
        # To models one token of '"}' and a line break is the usual end; without it they go on.
        lines += [f'call_{n}: {head} args_{n} ("\\n" "\\n"?)?', f"args_{n}: %json {schema}"]
    return lines


def arguments(tool: BaseTool) -> dict[str, Any]:
    """The JSON schema of the arguments that a model gives to ``tool``."""
    parameters: dict[str, Any] = convert_to_openai_tool(tool)["function"].get("parameters") or {}
    return {"type": "object", "properties": {}, **parameters}


def _narrowed(tool: BaseTool) -> dict[str, Any]:
    """The arguments of ``tool``, with the patterns of its policy."""
    schema = arguments(tool)
    narrow = {
        name: {**schema["properties"][name], "pattern": pattern}
        for name, pattern in policy_of(tool).patterns.items()
        if name in schema["properties"]
    }
    return {**schema, "properties": {**schema["properties"], **narrow}}
