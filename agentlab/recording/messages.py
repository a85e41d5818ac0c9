"""Messages in their normal form: what a model reads, without what changes from run to run.

The form keeps role, content, name and tool calls. Run ids go; the ids of tool calls become c1, c2,
… in order of appearance; metadata of earlier answers is no part of a request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from agentlab.errors import CorruptStore
from agentlab.recording.codec import plain
from agentlab.recording.hashing import digest
from agentlab.recording.secrets import Scrubber

Normal = dict[str, Any]
_ROLES = {"AIMessageChunk": "ai", "HumanMessageChunk": "human", "SystemMessageChunk": "system"}
_CALL_IDS = ("tool_call_id", "tool_use_id", "call_id")
_CALL_BLOCKS = frozenset({"tool_call", "tool_use", "function_call", "server_tool_call"})
_RUN_ID = re.compile(r"\b(?:lc_)?run-{1,2}[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:-\d+)?")
_MOST = 20_000  # normal forms kept by one normaliser


class CallIds:
    """Numbers the ids of tool calls: c1, c2, … in order of appearance."""

    def __init__(self, known: dict[str, str] | None = None) -> None:
        self.known = dict(known or {})

    def of(self, raw: str | None) -> str:
        """The number of ``raw``, a new one if it was not seen before."""
        if raw is None:
            raw = f"\0{len(self.known)}"
        return self.known.setdefault(raw, f"c{len(self.known) + 1}")


class Normaliser:
    """Turns messages into (hash, normal form), each distinct one once.

    An agent sends its whole history at every step, so what was computed is kept, by value.
    """

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self._kept: dict[Any, tuple[str, Normal]] = {}

    def know(self, normals: Iterable[tuple[str, Normal]]) -> None:
        """Take recorded normal forms as they are: they are neither scrubbed nor hashed again."""
        for mark, normal in normals:
            role, content, name = normal["role"], normal["content"], normal.get("name")
            key: tuple[Any, ...] = (role, content, name)
            if not isinstance(content, str):
                continue
            if role == "tool":
                status = normal.get("status", "success")
                key = (*key, status, normal["tool_call_id"])
            elif role == "ai" and "invalid_tool_calls" not in normal:
                calls = normal.get("tool_calls", ())
                key = (*key, tuple((c["name"], repr(c["args"]), c["id"]) for c in calls))
            elif role not in ("human", "system") or "more" in normal:
                continue
            self._kept[key] = mark, normal

    def all(self, messages: Iterable[Any], ids: CallIds) -> tuple[tuple[str, Normal], ...]:
        """The normal forms of a conversation; ``ids`` learns its tool calls."""
        return tuple(self.one(message, ids) for message in messages)

    def one(self, message: Any, ids: CallIds) -> tuple[str, Normal]:
        """The normal form of one message and its hash."""
        kind, content = message.type, message.content
        if type(content) is not str or kind not in ("human", "system") or message.additional_kwargs:
            if kind not in ("ai", "tool", "AIMessageChunk") or type(content) is not str:
                return self._made(message, ids)
            return self._with_calls(message, ids)
        key = (kind, content, message.name)
        found = self._kept.get(key)
        if found is None:
            found = self._keep(key, self._made(message, ids))
        return found

    def _with_calls(self, message: Any, ids: CallIds) -> tuple[str, Normal]:
        if message.type == "tool":
            own = ids.of(message.tool_call_id)
            key: tuple[Any, ...] = ("tool", message.content, message.name, message.status, own)
        elif message.invalid_tool_calls:
            return self._made(message, ids)
        else:
            calls = tuple(
                (c["name"], repr(c["args"]), ids.of(c.get("id"))) for c in message.tool_calls
            )
            key = ("ai", message.content, message.name, calls)
        found = self._kept.get(key)
        return found if found is not None else self._keep(key, self._made(message, ids))

    def _keep(self, key: Any, made: tuple[str, Normal]) -> tuple[str, Normal]:
        if len(self._kept) >= _MOST:
            self._kept.clear()
        self._kept[key] = made
        return made

    def _made(self, message: Any, ids: CallIds) -> tuple[str, Normal]:
        normal = self._scrubber.value(normal_form(message, ids))
        return digest(normal), normal


def normal_form(message: Any, ids: CallIds) -> Normal:
    """The normal form of ``message``, secrets and all."""
    kind = _ROLES.get(message.type, message.type)
    form: Normal = {"role": kind, "content": _content(message.content, ids)}
    if kind == "chat":
        form["speaker"] = message.role
    if message.name:
        form["name"] = message.name
    if kind == "ai":
        calls = [*getattr(message, "tool_calls", ())]
        if calls:
            form["tool_calls"] = [
                {"name": c["name"], "args": plain(c["args"]), "id": ids.of(c.get("id"))}
                for c in calls
            ]
        wrong = getattr(message, "invalid_tool_calls", ())
        if wrong:
            form["invalid_tool_calls"] = [
                {"name": c["name"], "args": c["args"], "id": ids.of(c.get("id"))} for c in wrong
            ]
    elif kind == "tool":
        form["tool_call_id"] = ids.of(message.tool_call_id)
        if message.status != "success":
            form["status"] = message.status
    elif message.additional_kwargs:
        form["more"] = plain(message.additional_kwargs)
    return form


def _content(content: Any, ids: CallIds) -> Any:
    if isinstance(content, str):
        # A prompt that formats a whole message, not its text, has the message's id in it.
        return _RUN_ID.sub("run-id", content) if "run-" in content else content
    return [_block(block, ids) if isinstance(block, dict) else block for block in content]


def _block(block: dict[str, Any], ids: CallIds) -> dict[str, Any]:
    form = {}
    for name, value in block.items():
        if name in _CALL_IDS and isinstance(value, str):
            form[name] = ids.of(value)
        elif name == "id":
            if block.get("type") in _CALL_BLOCKS or value in ids.known:
                form[name] = ids.of(value)
        else:
            form[name] = plain(value)
    return form


def build(kind: str, fields: dict[str, Any]) -> Any:
    """The message of LangChain type ``kind`` with ``fields``.

    Raises:
        CorruptStore: there is no such type, or the fields are not its own.
    """
    from langchain_core import messages as m

    classes: dict[str, type[m.BaseMessage]] = {
        "ai": m.AIMessage,
        "human": m.HumanMessage,
        "system": m.SystemMessage,
        "tool": m.ToolMessage,
        "chat": m.ChatMessage,
        "function": m.FunctionMessage,
        "AIMessageChunk": m.AIMessageChunk,
    }
    if kind not in classes:
        raise CorruptStore(f"a recorded message has the unknown type {kind!r}")
    try:
        return classes[kind](**{k: v for k, v in fields.items() if k != "type"})
    except (TypeError, ValueError) as error:
        raise CorruptStore(f"a recorded {kind} message is malformed") from error
