"""Which tool calls of a durable run have begun and ended, so that none is made twice.

LangGraph writes the result of a step down after it, in the background. A process that is killed in
between would make a call again whose result it had. So each call's beginning and result are written
beside the checkpoint, before and after it is made.
"""

from __future__ import annotations

from typing import Any

from langchain_core.messages import ToolCall, ToolMessage
from langchain_core.runnables import RunnableConfig

_STARTED = "agentlab:started"
_RESULT = "agentlab:result"


class Journal:
    """The calls of the thread of ``config``, kept with ``checkpointer``."""

    def __init__(self, checkpointer: Any, thread_id: str) -> None:
        self._saver = checkpointer
        self._config: RunnableConfig = {
            "configurable": {"thread_id": thread_id, "checkpoint_ns": ""}
        }

    def find(self, call: ToolCall) -> tuple[bool, ToolMessage | None]:
        """Whether ``call`` has begun before, and its result if it ended."""
        return _found(self._saver.get_tuple(self._config), call)

    async def afind(self, call: ToolCall) -> tuple[bool, ToolMessage | None]:
        """:meth:`find`, asynchronously."""
        return _found(await self._saver.aget_tuple(self._config), call)

    def begin(self, call: ToolCall) -> None:
        """Write down that ``call`` is about to be made."""
        saved = self._saver.get_tuple(self._config)
        self._saver.put_writes(saved.config, [(_STARTED, call["id"])], f"{_STARTED}:{call['id']}")

    async def abegin(self, call: ToolCall) -> None:
        """:meth:`begin`, asynchronously."""
        saved = await self._saver.aget_tuple(self._config)
        writes = [(_STARTED, call["id"])]
        await self._saver.aput_writes(saved.config, writes, f"{_STARTED}:{call['id']}")

    def end(self, call: ToolCall, result: ToolMessage) -> None:
        """Write down what ``call`` returned."""
        saved = self._saver.get_tuple(self._config)
        self._saver.put_writes(saved.config, [(_RESULT, result)], f"{_RESULT}:{call['id']}")

    async def aend(self, call: ToolCall, result: ToolMessage) -> None:
        """:meth:`end`, asynchronously."""
        saved = await self._saver.aget_tuple(self._config)
        await self._saver.aput_writes(saved.config, [(_RESULT, result)], f"{_RESULT}:{call['id']}")


def _found(saved: Any, call: ToolCall) -> tuple[bool, ToolMessage | None]:
    begun, result = False, None
    for _, channel, value in (saved.pending_writes or []) if saved else []:
        if channel == _STARTED and value == call["id"]:
            begun = True
        if channel == _RESULT and isinstance(value, ToolMessage):
            result = value if value.tool_call_id == call["id"] else result
    return begun, result
