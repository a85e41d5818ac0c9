"""A conversation as a tree of messages: each has a parent, and a head says where we are.

Undoing moves the head; editing and retrying grow another branch. Nothing is taken away.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from agentlab.events import Usage

NodeStatus = Literal["complete", "running", "stopped", "failed"]
Status = Literal["complete", "stopped", "failed", "unfinished"]


def new_id() -> str:
    """A fresh id."""
    return uuid.uuid4().hex


@dataclass(slots=True)
class Node:
    """One message. ``running`` is an answer of which more may come; ``seconds`` it took."""

    message: BaseMessage
    parent: str | None
    status: NodeStatus = "complete"
    error: str = ""
    seconds: float | None = None
    created: float = field(default_factory=time.time)
    id: str = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class Turn:
    """What the user said and all that came of it.

    ``status`` is ``complete``; ``stopped`` by the user; ``failed`` with ``error``; or
    ``unfinished``: being answered, or cut off when its process died.
    """

    user: HumanMessage
    answers: tuple[BaseMessage, ...]
    status: Status
    error: str
    usage: Usage
    id: str

    @property
    def text(self) -> str:
        """The answer's text, as far as it came."""
        return self.answers[-1].text if self.answers else ""

    @property
    def shown(self) -> list[BaseMessage]:
        """What a model is shown of the turn, so that roles alternate.

        The partial text of a stopped or failed answer is shown. Tool calls without their results
        are not, and a turn that leaves no answering text is left out.
        """
        answers = _with_results(self.answers)
        while answers and not (isinstance(answers[-1], AIMessage) and answers[-1].text.strip()):
            answers.pop()
        if answers and getattr(answers[-1], "tool_calls", []):  # its results were just dropped
            answers[-1] = AIMessage(answers[-1].text)
        return [self.user, *answers] if answers else []


class Tree:
    """All messages of a conversation, and which of them are its present."""

    def __init__(
        self, nodes: Iterable[Node] = (), head: str | None = None, undone: Iterable[str] = ()
    ) -> None:
        self.nodes = {node.id: node for node in nodes}
        self.head = head
        self.undone = list(undone)

    def add(self, node: Node) -> Node:
        """Put ``node`` into the tree and move the head to it."""
        self.nodes[node.id] = node
        self.head = node.id
        return node

    def path(self, head: str | None = None) -> list[Node]:
        """The nodes from the first message to ``head`` (the present one by default)."""
        found: list[Node] = []
        at = self.head if head is None else head
        while at is not None:
            node = self.nodes[at]
            found.append(node)
            at = node.parent
        found.reverse()
        return found

    def turns(self, head: str | None = None) -> list[Turn]:
        """The turns on the way to ``head``."""
        groups: list[list[Node]] = []
        for node in self.path(head):
            if isinstance(node.message, HumanMessage) or not groups:
                groups.append([])
            groups[-1].append(node)
        return [_turn(group) for group in groups if isinstance(group[0].message, HumanMessage)]

    def last_user(self) -> Node | None:
        """The node of the last thing the user said."""
        users = (n for n in reversed(self.path()) if isinstance(n.message, HumanMessage))
        return next(users, None)

    def leaves(self) -> list[Node]:
        """The ends of all branches, oldest first."""
        parents = {node.parent for node in self.nodes.values()}
        ends = [node for node in self.nodes.values() if node.id not in parents]
        return sorted(ends, key=lambda node: node.created)


def _turn(group: list[Node]) -> Turn:
    user, *rest = group
    assert isinstance(user.message, HumanMessage)
    last = rest[-1] if rest else None
    status: Status = "unfinished" if last is None or last.status == "running" else last.status
    return Turn(
        user=user.message,
        answers=tuple(node.message for node in rest),
        status=status,
        error=last.error if last else "",
        usage=usage_of((node.message for node in rest), sum(n.seconds or 0.0 for n in rest)),
        id=user.id,
    )


def _model_calls(message: AIMessage) -> int:
    """How many calls led to ``message``: agents and reasoning parts tell."""
    told = message.response_metadata.get("model_calls", 1)
    return told if isinstance(told, int) and not isinstance(told, bool) else 1


def usage_of(messages: Iterable[BaseMessage], seconds: float) -> Usage:
    """What the model calls behind ``messages`` used together."""
    calls = [m for m in messages if isinstance(m, AIMessage)]
    used = [m.usage_metadata for m in calls if m.usage_metadata]
    return Usage(
        input_tokens=sum(u["input_tokens"] for u in used),
        output_tokens=sum(u["output_tokens"] for u in used),
        model_calls=sum(_model_calls(m) for m in calls),
        seconds=seconds,
        cached_tokens=sum(u.get("input_token_details", {}).get("cache_read", 0) for u in used),
    )


def _with_results(answers: Iterable[BaseMessage]) -> list[BaseMessage]:
    """``answers`` without tool calls that have no result, and without their other results."""
    messages = list(answers)
    answered = {m.tool_call_id for m in messages if isinstance(m, ToolMessage)}
    kept: list[BaseMessage] = []
    asked: set[str] = set()
    for message in messages:
        if isinstance(message, AIMessage) and message.tool_calls:
            calls = {call["id"] or "" for call in message.tool_calls}
            if calls <= answered:
                asked |= calls
                kept.append(message)
            elif message.text.strip():
                kept.append(AIMessage(message.text))
        elif not isinstance(message, ToolMessage) or message.tool_call_id in asked:
            kept.append(message)
    return kept
