"""Making room in a context that is full: earlier results shortened, then steps summed up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.messages.ai import UsageMetadata, add_usage
from langchain_core.runnables import Runnable

from agentlab.agents.failures import model_failures
from agentlab.agents.limits import split
from agentlab.agents.text import as_text
from agentlab.agents.views import LEVELS
from agentlab.errors import ContextOverflow
from agentlab.models._structured import was_cut
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
        self.model_calls = 0  # these two are of the summaries that no step counts yet
        self.usage: UsageMetadata | None = None

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

    def count(self, reply: AIMessage) -> None:
        """Add a model call that summed up to those of the step."""
        self.model_calls += 1
        if reply.usage_metadata:
            self.usage = add_usage(self.usage, reply.usage_metadata)

    def counted(self, step: AIMessage) -> AIMessage:
        """``step`` with the calls and tokens of the summaries before it."""
        calls = int(step.response_metadata.get("model_calls", 1)) + self.model_calls
        step.response_metadata = {**step.response_metadata, "model_calls": calls}
        if self.usage is not None:
            step.usage_metadata = add_usage(self.usage, step.usage_metadata)
        self.model_calls, self.usage = 0, None
        return step


def sum_up(writer: Runnable[Any, Any], prompt: Prompt, task: str, notes: str, room: Room) -> str:
    """What ``notes`` say that matters for ``task``, told by a model; ``room`` counts its calls."""
    for values in _values(task, notes):
        try:
            with model_failures():
                reply = writer.invoke(prompt.invoke(values))
        except ContextOverflow:
            continue
        room.count(reply)
        return _told(reply)
    return shorten(notes, _LENGTHS[-1] // 2)


async def asum_up(
    writer: Runnable[Any, Any], prompt: Prompt, task: str, notes: str, room: Room
) -> str:
    """:func:`sum_up`, asynchronously."""
    for values in _values(task, notes):
        try:
            with model_failures():
                reply = await writer.ainvoke(prompt.invoke(values))
        except ContextOverflow:
            continue
        room.count(reply)
        return _told(reply)
    return shorten(notes, _LENGTHS[-1] // 2)


def _told(reply: AIMessage) -> str:
    """The notes in ``reply``; of one that was cut, its whole lines or sentences."""
    text = str(reply.text).strip()
    if not was_cut(reply):
        return text
    whole = re.match(r".*(?:\n|[.!?](?=\s)|[。！？])", text, re.DOTALL)
    told = whole[0] if whole and len(whole[0]) > len(text) / 2 else text
    return f"{told.strip()} […]"


def _values(task: str, notes: str) -> list[dict[str, str]]:
    return [
        {"input": shorten(task, most), "steps": wrap(shorten(notes, most), "notes")}
        for most in _LENGTHS
    ]
