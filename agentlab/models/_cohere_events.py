"""Cohere's v2 chat stream as LangChain chunks.

Read here, event by event, since the SDK skips an event that it cannot parse, and LangChain's
wrapper repeats the last piece of a tool call's arguments and drops the usage.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

from agentlab.errors import ProviderError

_FINISH = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
}


def finish_reason(cohere: str | None) -> str | None:
    """Cohere's word in OpenAI's, which all models here use; unknown ones in lower case."""
    return None if cohere is None else _FINISH.get(cohere, cohere.lower())


async def events(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, Any]]:
    """The JSON objects of a stream of server-sent events.

    Raises:
        json.JSONDecodeError: an event's data is not a JSON object.
    """
    data: list[str] = []
    async for line in lines:
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            text = "\n".join(data)
            data.clear()
            if text == "[DONE]":
                return
            value = json.loads(text)
            if not isinstance(value, dict):
                raise json.JSONDecodeError("not an object", text, 0)
            yield value


def chunks(event: Mapping[str, Any], model: str) -> Iterator[ChatGenerationChunk]:
    """The chunk that ``event`` is, if it is one.

    Raises:
        ProviderError: the event tells of a failure.
    """
    delta = event.get("delta") or {}
    message = delta.get("message") or {}
    match event.get("type"):
        case "content-delta":
            content = message.get("content") or {}
            if content.get("text"):
                yield _chunk(content["text"])
            elif content.get("thinking"):
                yield _chunk("", additional_kwargs={"reasoning_content": content["thinking"]})
        case "tool-plan-delta":
            yield _chunk(message.get("tool_plan") or "")
        case "tool-call-start" | "tool-call-delta":
            call = message.get("tool_calls") or {}
            function = call.get("function") or {}
            piece = tool_call_chunk(
                name=function.get("name"),
                args=function.get("arguments"),
                id=call.get("id"),
                index=event.get("index", 0),
            )
            yield _chunk("", tool_call_chunks=[piece])
        case "citation-start":
            citation = {**(message.get("citations") or {})}
            yield _chunk("", additional_kwargs={"citations": [citation]})
        case "message-end":
            if delta.get("error"):
                raise ProviderError(f"{model}: {delta['error']}")
            yield _chunk(
                "",
                usage_metadata=_usage(delta.get("usage") or {}),
                response_metadata={
                    "finish_reason": finish_reason(delta.get("finish_reason")),
                    "model_name": model.partition(":")[2],
                },
                chunk_position="last",
            )


def message_of(answer: Mapping[str, Any], model: str) -> AIMessage:
    """A whole answer as a message.

    Raises:
        ValueError: it has no message.
    """
    message = answer.get("message") if isinstance(answer, Mapping) else None
    if not isinstance(message, Mapping):
        raise ValueError("the answer has no message")
    parts = message.get("content") or []
    extra: dict[str, Any] = {}
    if message.get("citations"):
        extra["citations"] = message["citations"]
    if thinking := "".join(p.get("thinking") or "" for p in parts):
        extra["reasoning_content"] = thinking
    calls = [
        (call.get("id"), call.get("function") or {}) for call in message.get("tool_calls") or []
    ]
    return AIMessage(
        content="".join(p.get("text") or "" for p in parts) or message.get("tool_plan") or "",
        tool_calls=[
            {"name": f.get("name") or "", "args": json.loads(f.get("arguments") or "{}"), "id": id_}
            for id_, f in calls
        ],
        additional_kwargs=extra,
        usage_metadata=_usage(answer.get("usage") or {}),
        response_metadata={
            "finish_reason": finish_reason(answer.get("finish_reason")),
            "model_name": model.partition(":")[2],
        },
    )


def _chunk(content: str, **fields: Any) -> ChatGenerationChunk:
    return ChatGenerationChunk(message=AIMessageChunk(content=content, **fields))


def _usage(usage: Mapping[str, Any]) -> UsageMetadata | None:
    tokens = usage.get("tokens") or usage.get("billed_units") or {}
    if not tokens:
        return None
    read, written = int(tokens.get("input_tokens") or 0), int(tokens.get("output_tokens") or 0)
    return {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
