"""Ids of tool calls, made distinct: results go to calls by them.

Some servers count from ``call_0`` in every reply, or give all calls the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage


def distinct_calls(
    messages: Sequence[BaseMessage], taken: Collection[str] = ()
) -> list[BaseMessage]:
    """``messages``, in which no two calls share an id, nor has one an id of ``taken``.

    A result goes with the next call of its id among those just before it. What need not change is
    the same message.
    """
    used = set(taken)
    numbers: dict[str, int] = {}
    renamed: dict[str, list[str]] = {}
    found: list[BaseMessage] = []
    for message in messages:
        if isinstance(message, AIMessage) and message.tool_calls:
            renamed, calls = {}, []
            for call in message.tool_calls:
                own = call["id"] or ""
                new = _unused(own or "call", used, numbers)
                used.add(new)
                renamed.setdefault(own, []).append(new)
                calls.append(call if new == own else {**call, "id": new})
            if calls != message.tool_calls:
                message = _with_calls(message, calls)
        elif isinstance(message, ToolMessage) and (names := renamed.get(message.tool_call_id)):
            new = names.pop(0) if len(names) > 1 else names[0]
            if new != message.tool_call_id:
                message = message.model_copy(update={"tool_call_id": new})
        found.append(message)
    return found


def ids_of(messages: Iterable[BaseMessage]) -> set[str]:
    """The ids of all calls in ``messages``."""
    replies = (m for m in messages if isinstance(m, AIMessage))
    return {call["id"] for m in replies for call in m.tool_calls if call["id"]}


def _unused(name: str, used: Collection[str], numbers: dict[str, int]) -> str:
    new = name
    while new in used:
        numbers[name] = numbers.get(name, 1) + 1
        new = f"{name}_{numbers[name]}"
    return new


def _with_calls(message: AIMessage, calls: Any) -> AIMessage:
    """``message`` with these calls; providers' own forms of the old ones are left out."""
    kept = {k: v for k, v in message.additional_kwargs.items() if k != "tool_calls"}
    update: dict[str, Any] = {"tool_calls": calls, "additional_kwargs": kept}
    if isinstance(message.content, list):
        blocks = [b for b in message.content if not _is_call(b)]
        update["content"] = blocks or ""
    return message.model_copy(update=update)


def _is_call(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") in (
        "tool_call",
        "tool_use",
        "function_call",
    )
