"""Making room in a context that is full: earlier results shortened, then steps summed up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.runnables import Runnable

from agentlab.agents.failures import model_failures
from agentlab.agents.limits import split
from agentlab.agents.text import as_text
from agentlab.agents.views import LEVELS
from agentlab.errors import ContextOverflow
from agentlab.prompts import Prompt
from agentlab.tools.results import shorten
from agentlab.untrusted import wrap

_LENGTHS = (6_000, 1_500)  # characters of the steps that a summary is made from


class Room:
    """How far a run's messages are shortened at present. Each overflow takes one step more."""

    def __init__(self) -> None:
        self.level = 0
        self.summary = ""
        self.summed_up = 0  # messages of the run that the summary stands for
        self.model_calls = 0

    def shorten(self, messages: Sequence[BaseMessage]) -> bool:
        """Show less of earlier results; False when that is used up."""
        if self.level + 1 < len(LEVELS) and any(isinstance(m, ToolMessage) for m in messages):
            self.level += 1
            return True
        return False

    def to_sum_up(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """The steps that are not summed up yet, but for the last one."""
        steps = split(messages)[1][1:]
        last = max((n for n, m in enumerate(steps) if isinstance(m, AIMessage)), default=0)
        return steps[self.summed_up : last]

    def notes(self, steps: Sequence[BaseMessage]) -> str:
        """What a summary is to be made from: ``steps``, after the summary there is."""
        told = "\n".join(m.text for m in as_text(steps))
        return f"{self.summary}\n{told}" if self.summary else told

    def keep(self, summary: str, steps: Sequence[BaseMessage]) -> None:
        """Let ``summary`` stand for ``steps`` too."""
        self.summary = summary
        self.summed_up += len(steps)
        self.model_calls += 1


def sum_up(writer: Runnable[Any, Any], prompt: Prompt, task: str, notes: str) -> str:
    """What ``notes`` say that matters for ``task``, told by a model."""
    for values in _values(task, notes):
        try:
            with model_failures():
                return str(writer.invoke(prompt.invoke(values)).text).strip()
        except ContextOverflow:
            continue
    return shorten(notes, _LENGTHS[-1] // 2)


async def asum_up(writer: Runnable[Any, Any], prompt: Prompt, task: str, notes: str) -> str:
    """:func:`sum_up`, asynchronously."""
    for values in _values(task, notes):
        try:
            with model_failures():
                return str((await writer.ainvoke(prompt.invoke(values))).text).strip()
        except ContextOverflow:
            continue
    return shorten(notes, _LENGTHS[-1] // 2)


def _values(task: str, notes: str) -> list[dict[str, str]]:
    return [
        {"input": shorten(task, most), "steps": wrap(shorten(notes, most), "notes")}
        for most in _LENGTHS
    ]
