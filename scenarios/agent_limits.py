"""The agents of agent_limits.yaml."""

from __future__ import annotations

from typing import Any

from langchain_core.tools import tool

from agentlab import Agent, Limits, ToolPolicy, create_agent
from agentlab.scenarios.results import Run
from agentlab.tools import guard


@tool
def read_scan(page: int) -> bytes:
    """Read a page of the scanned book, by its number."""
    return b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * page


def few_model_calls(model: Any) -> Agent:
    """May ask its model three times."""
    return create_agent(model, ["calculator"], limits=Limits(seconds=None, model_calls=3))


def few_tool_calls(model: Any) -> Agent:
    """May call two tools."""
    return create_agent(model, ["calculator"], limits=Limits(seconds=None, tool_calls=2))


def scanner(model: Any) -> Agent:
    """Has a tool that returns an image."""
    tools = [guard(read_scan, ToolPolicy(untrusted=False))]
    return create_agent(model, tools, limits=Limits(seconds=None))


def told_of_an_image(run: Run) -> str | None:
    """What is wrong, unless the model was told of the image, and not shown it."""
    shown = str(run.steps[-1].request.messages)
    return None if "(PNG image, 776 bytes, not text)" in shown else "it was not told of the image"
