"""From the engine's pieces to LangChain messages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.messages.tool import ToolCall, ToolCallChunk, tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

if TYPE_CHECKING:
    from agentlab.engine import Piece, Request, Timings, TokenLogprob
    from agentlab.models._gguf_tools import CallReader


def message_of(pieces: Sequence[Piece], request: Request, model: str) -> AIMessage:
    """The whole answer."""
    last = pieces[-1]
    logprobs = [entry for piece in pieces for entry in piece.logprobs]
    return AIMessage(
        content="".join(piece.text for piece in pieces),
        usage_metadata=_usage(last.timings) if last.timings else None,
        response_metadata=_metadata(last, request, model)
        | ({"logprobs": _openai_logprobs(logprobs)} if request.top_logprobs is not None else {}),
    )


def result_of(answers: Sequence[AIMessage]) -> ChatResult:
    """All answers of a call."""
    return ChatResult(
        generations=[
            ChatGeneration(
                message=answer,
                generation_info={"finish_reason": answer.response_metadata["finish_reason"]},
            )
            for answer in answers
        ]
    )


class Chunks:
    """Makes chunks of the pieces of an answer to ``request``, as they come.

    The first one counts what was read and the last what was written: where the stream is closed
    before its end, what it read is known all the same.
    """

    def __init__(self, request: Request, model: str, reader: CallReader | None) -> None:
        self._request = request
        self._model = model
        self._reader = reader
        self._read = len(request.tokens)

    def of(self, piece: Piece) -> ChatGenerationChunk:
        """One piece; the last one has the tool calls."""
        metadata: dict[str, Any] = (
            _metadata(piece, self._request, self._model) if piece.finish else {}
        )
        if piece.logprobs:
            metadata["logprobs"] = _openai_logprobs(piece.logprobs)
        text, calls = piece.text, list[ToolCall]()
        if self._reader is not None:
            text = self._reader.take(text)
            if piece.finish:
                rest, calls = self._reader.end()
                text += rest
        message = AIMessageChunk(
            content=text,
            tool_call_chunks=[_chunk_of_call(n, call) for n, call in enumerate(calls)],
            response_metadata=metadata,
            usage_metadata=_usage_of(piece, self._read),
            chunk_position="last" if piece.finish else None,
        )
        self._read = 0
        info = {"finish_reason": piece.finish} if piece.finish else None
        return ChatGenerationChunk(message=message, generation_info=info)


def _chunk_of_call(index: int, call: ToolCall) -> ToolCallChunk:
    arguments = json.dumps(call["args"], ensure_ascii=False)
    return tool_call_chunk(name=call["name"], args=arguments, id=call["id"], index=index)


def _usage_of(piece: Piece, read: int) -> UsageMetadata | None:
    if piece.timings is None:
        return (
            UsageMetadata(input_tokens=read, output_tokens=0, total_tokens=read) if read else None
        )
    return _usage(replace(piece.timings, prompt_tokens=read))


def _usage(timings: Timings) -> UsageMetadata:
    return UsageMetadata(
        input_tokens=timings.prompt_tokens,
        output_tokens=timings.completion_tokens,
        total_tokens=timings.prompt_tokens + timings.completion_tokens,
        input_token_details=InputTokenDetails(cache_read=timings.cached_tokens),
    )


def _metadata(last: Piece, request: Request, model: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "finish_reason": last.finish,
        "model_name": model,
        "model_provider": "gguf",
        "seed": request.sampling.seed,
    }
    if last.timings:
        metadata["timings"] = {
            "prompt_seconds": round(last.timings.prompt_seconds, 4),
            "completion_seconds": round(last.timings.completion_seconds, 4),
        }
    return metadata


def _openai_logprobs(entries: Sequence[TokenLogprob]) -> dict[str, Any]:
    """OpenAI's form: ``{"content": [{"token", "logprob", "bytes", "top_logprobs"}]}``."""
    return {"content": [_entry(e) | {"top_logprobs": [_entry(r) for r in e.top]} for e in entries]}


def _entry(entry: TokenLogprob) -> dict[str, Any]:
    return {"token": entry.text, "logprob": entry.logprob, "bytes": list(entry.data)}
