"""What a fault makes of a call's result: an error, another value, or the same one damaged."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk

from agentlab.boundary import Call
from agentlab.errors import ModelError, RateLimited, ToolError, Unreachable
from agentlab.scenarios.schema import Fault

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_WORD = re.compile(r"\w+")
_SAID = {
    "timeout": "{} did not answer in time",
    "rate_limit": "{} got too many requests",
    "connection": "no connection to {}",
}


def error(call: Call, what: str) -> Exception:
    """The error of a call to a model, tool, retriever or embedder; ``what`` may be its message.

    A tool raises :class:`~agentlab.errors.ToolError`, which its model is told; a model what a
    provider's model raises; anything else what Python raises.
    """
    name = getattr(call.target, "name", None) or "the model" if call.kind != "tool" else ""
    name = f"the tool {call.target.name}" if call.kind == "tool" else str(name)
    message = _SAID.get(what, what).format(name) if what in _SAID else what
    if call.kind == "tool":
        return ToolError(message)
    if call.kind != "model":
        kinds: dict[str, Callable[[str], Exception]] = {
            "timeout": TimeoutError,
            "connection": ConnectionError,
            "rate_limit": RateLimited,
        }
        return kinds.get(what, RuntimeError)(message)
    if what == "rate_limit":
        return RateLimited(message)
    return Unreachable(message) if what in _SAID else ModelError(message)


def returned(call: Call, value: Any) -> Any:
    """``value`` as what ``call`` returns."""
    if call.kind == "model":
        message = _message(value)
        if call.method in ("_stream", "_astream"):
            return [_chunk(message)]
        return _result(message)
    if call.kind == "retrieve":
        return [_document(item) for item in (value if isinstance(value, list) else [value])]
    if call.kind == "tool" and _has_artifact(call):
        return "" if value is None else value, None
    return "" if call.kind == "tool" and value is None else value


def changed(call: Call, fault: Fault, result: Any, stale: Any) -> Any:
    """``result`` after ``fault``; ``stale`` is the result of the call before, None without one."""
    if fault.drop is not None:
        return [document for document in result if fault.drop not in _names(document)]
    if fault.inject is not None:
        found = list(result)
        found.insert(fault.inject.rank - 1, _document(fault.inject.doc))
        return found
    if fault.finish is not None and call.kind == "model":
        return _of_message(call, result, _cut)
    if fault.mutate == "stale":
        return result if stale is None else stale
    if fault.mutate is not None:
        return _mutated(call, result, _MUTATIONS[fault.mutate])
    return result


def _mutated(call: Call, result: Any, mutate: Callable[[str], str]) -> Any:
    if call.kind == "model":
        return _of_message(call, result, lambda message: _with_text(message, mutate(message.text)))
    if call.kind == "retrieve":
        return [d.model_copy(update={"page_content": mutate(d.page_content)}) for d in result]
    if isinstance(result, tuple):
        return (_values(result[0], mutate), *result[1:])
    return _values(result, mutate)


def _values(value: Any, mutate: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return mutate(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return value * 10 if mutate is _tenfold else value
    if isinstance(value, list):
        return [_values(item, mutate) for item in value]
    if isinstance(value, Mapping):
        return {key: _values(item, mutate) for key, item in value.items()}
    return value


def _tenfold(text: str) -> str:
    return _NUMBER.sub(lambda m: str(float(m[0]) * 10 if "." in m[0] else int(m[0]) * 10), text)


def _garbled(text: str) -> str:
    return _WORD.sub(lambda m: m[0][::-1], text)


_MUTATIONS: dict[str, Callable[[str], str]] = {
    "truncate": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "garble": _garbled,
    "number*10": _tenfold,
}


def _of_message(call: Call, result: Any, change: Callable[[AIMessage], AIMessage]) -> Any:
    if isinstance(result, list):  # of a stream
        message = result[0].message
        for chunk in result[1:]:
            message += chunk.message
        return [_chunk(change(message))]
    generation = result.generations[0]
    message = change(generation.message)
    info = {**(generation.generation_info or {}), **_finish(message)}
    other = generation.model_copy(update={"message": message, "text": message.text})
    other.generation_info = info or None
    return result.model_copy(update={"generations": [other, *result.generations[1:]]})


def _with_text(message: AIMessage, text: str) -> AIMessage:
    return message.model_copy(update={"content": text})


def _cut(message: AIMessage) -> AIMessage:
    cut = _with_text(message, message.text[: len(message.text) // 2])
    metadata = {**cut.response_metadata, "finish_reason": "length"}
    return cut.model_copy(update={"response_metadata": metadata})


def _finish(message: AIMessage) -> dict[str, Any]:
    reason = message.response_metadata.get("finish_reason")
    return {"finish_reason": reason} if reason == "length" else {}


def _message(value: Any) -> AIMessage:
    if not isinstance(value, Mapping):
        return AIMessage("" if value is None else str(value))
    calls = [
        {"name": c["name"], "args": c.get("args", {}), "id": f"call_{n}", "type": "tool_call"}
        for n, c in enumerate(value.get("tool_calls", ()), 1)
    ]
    return AIMessage(str(value.get("content", "")), tool_calls=calls)


def _result(message: AIMessage) -> Any:
    from langchain_core.outputs import ChatGeneration, ChatResult

    return ChatResult(generations=[ChatGeneration(message=message)])


def _chunk(message: AIMessage) -> Any:
    import json

    from langchain_core.outputs import ChatGenerationChunk

    calls = [
        {"name": c["name"], "args": json.dumps(c["args"]), "id": c["id"], "index": n}
        for n, c in enumerate(message.tool_calls)
    ]
    chunk = AIMessageChunk(
        content=message.content,
        tool_call_chunks=calls,
        response_metadata=message.response_metadata,
        usage_metadata=message.usage_metadata,
        chunk_position="last",
    )
    return ChatGenerationChunk(message=chunk)


def _document(value: Any) -> Any:
    from langchain_core.documents import Document

    if not isinstance(value, Mapping):
        return Document(page_content=str(value))
    metadata = {k: v for k, v in value.items() if k not in ("text", "id")}
    name = value.get("id")
    return Document(
        page_content=str(value.get("text", "")),
        metadata=metadata,
        id=None if name is None else str(name),
    )


def _names(document: Any) -> set[str]:
    known = (document.id, document.metadata.get("id"), document.metadata.get("source"))
    return {str(name) for name in known if name is not None}


def _has_artifact(call: Call) -> bool:
    return getattr(call.target, "response_format", "") == "content_and_artifact"
