"""What a model is shown of a run: results marked as data, and shortened where room is short."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import BaseTool

from agentlab import untrusted
from agentlab.agents.limits import split
from agentlab.tools import policy_of
from agentlab.tools.results import shorten

NOW = "Use no more tools. Give the final answer now, from what you know."
# How much of earlier results is kept, in characters, the last one's apart: level by level.
LEVELS: tuple[tuple[int | None, int | None], ...] = ((None, None), (400, 2000), (150, 600))


@dataclass(frozen=True)
class View:
    """What is shown: the earlier ``history``, the ``task``, and the ``steps`` taken so far.

    ``last`` says that no more steps may be taken.
    """

    history: list[BaseMessage]
    task: str
    steps: list[BaseMessage]
    last: bool = False


def view_of(
    messages: Sequence[BaseMessage],
    tools: Mapping[str, BaseTool],
    *,
    last: bool = False,
    level: int = 0,
    summary: str = "",
    summed_up: int = 0,
) -> View:
    """The view of a run's ``messages``; ``summary`` stands for the first ``summed_up`` of them."""
    history, run = split(messages)
    task = run[0].text if run else ""
    steps = run[1:]
    if summary:
        steps = steps[summed_up:]
        task = f"{task}\n\nWhat was found so far:\n{summary}"
    most, most_of_last = LEVELS[level]
    at_last = max((n for n, m in enumerate(steps) if isinstance(m, ToolMessage)), default=-1)
    shown = [_shown(m, tools, most_of_last if n == at_last else most) for n, m in enumerate(steps)]
    return View([_shown(m, tools, most) for m in history], task, shown, last)


def _shown(message: BaseMessage, tools: Mapping[str, BaseTool], most: int | None) -> BaseMessage:
    if isinstance(message, HumanMessage) and untrusted.SOURCES in message.response_metadata:
        return HumanMessage(message.content, name=message.name)  # a mark of our own
    if not isinstance(message, ToolMessage):
        return message
    text = message.text if most is None else shorten(message.text, most)
    return ToolMessage(
        marked(text, message.name or "tool", tools),
        name=message.name,
        tool_call_id=message.tool_call_id,
        status=message.status,
    )


def marked(text: str, name: str, tools: Mapping[str, BaseTool]) -> str:
    """The result ``text`` of the tool ``name``, so that it is read as data.

    A local model's own control tokens need no care here: its chat template reads those in the text
    of a message as letters. So what is shown does not hang on a model's being loaded.
    """
    if is_untrusted(name, tools):
        return untrusted.wrap(text, name)
    return untrusted.neutralise(text)


def is_untrusted(name: str, tools: Mapping[str, BaseTool]) -> bool:
    """Whether results of the tool ``name`` hold text that others wrote; unknown ones may."""
    tool = tools.get(name)
    return tool is None or policy_of(tool).untrusted


def with_system(messages: Sequence[BaseMessage], *more: str) -> list[BaseMessage]:
    """``messages`` with one system message at most, at the head; it says ``more`` too."""
    systems = [m.text for m in messages if isinstance(m, SystemMessage)]
    text = "\n\n".join(part for part in (*systems, *more) if part.strip())
    rest = [m for m in messages if not isinstance(m, SystemMessage)]
    return [SystemMessage(text), *rest] if text else rest


def with_last_words(messages: list[BaseMessage], words: str) -> list[BaseMessage]:
    """``messages`` with ``words`` said by the user at the end."""
    last = messages[-1]
    if isinstance(last, HumanMessage) and isinstance(last.content, str):
        return [*messages[:-1], HumanMessage(f"{last.content}\n\n{words}")]
    return [*messages, HumanMessage(words)]


def without_ids(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Copies that get fresh ids: LangGraph takes two messages of one id for one."""
    return [message.model_copy(update={"id": None}) for message in messages]
