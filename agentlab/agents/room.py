"""Making room in a context that is full: earlier results shortened, then steps summed up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage, ToolMessage
from langchain_core.runnables import Runnable

from agentlab.agents.limits import split
from agentlab.agents.text import as_text
from agentlab.agents.views import LEVELS, told_apart
from agentlab.errors import ContextOverflow
from agentlab.prompts import Prompt
from agentlab.tools.results import shorten

_LENGTHS = (6_000, 1_500)  # characters of the steps that a summary is made from


class Room:
    """How far a run's messages are shortened at present. Each overflow takes one step more."""

    def __init__(self) -> None:
        self.level = 0
        self.summary = ""
        self.model_calls = 0

    def shorten(self, messages: Sequence[BaseMessage]) -> bool:
        """Show less of earlier results; False when that is used up."""
        if self.level + 1 < len(LEVELS) and any(isinstance(m, ToolMessage) for m in messages):
            self.level += 1
            return True
        return False

    def to_sum_up(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """The steps that a summary would stand for; none when there already is one."""
        return [] if self.summary else told_apart(split(messages)[1][1:])


def sum_up(
    writer: Runnable[Any, Any], prompt: Prompt, task: str, steps: Sequence[BaseMessage]
) -> str:
    """What ``steps`` found that matters for ``task``, told by a model."""
    for values in _values(task, steps):
        try:
            return str(writer.invoke(prompt.invoke(values)).text).strip()
        except ContextOverflow:
            continue
    return _cut(steps)


async def asum_up(
    writer: Runnable[Any, Any], prompt: Prompt, task: str, steps: Sequence[BaseMessage]
) -> str:
    """:func:`sum_up`, asynchronously."""
    for values in _values(task, steps):
        try:
            return str((await writer.ainvoke(prompt.invoke(values))).text).strip()
        except ContextOverflow:
            continue
    return _cut(steps)


def _values(task: str, steps: Sequence[BaseMessage]) -> list[dict[str, str]]:
    text = "\n".join(m.text for m in as_text(steps))
    return [{"input": shorten(task, most), "steps": shorten(text, most)} for most in _LENGTHS]


def _cut(steps: Sequence[BaseMessage]) -> str:
    return shorten("\n".join(m.text for m in as_text(steps)), _LENGTHS[-1] // 2)
