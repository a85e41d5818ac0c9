"""Streamed answers: the same chunks again.

A chunk of plain text is written as its length in the answer's text; others, which carry pieces of
tool calls, usage or metadata, as their fields, with ``n`` for the length of their text.
"""

from __future__ import annotations

import json
from typing import Any

from agentlab.recording.codec import decode, encode
from agentlab.recording.messages import CallIds, normal_form
from agentlab.recording.secrets import Scrubber
from agentlab.recording.steps import Step
from agentlab.recording.usage import share_of, take_usage

# Of LangChain's chunk message: what it computes from the rest.
_DERIVED = {"id", "type", "tool_calls", "invalid_tool_calls"}


class ChunkWriter:
    """Writes down chunks as they pass; LangChain changes them afterwards."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._others: dict[int, dict[str, Any]] = {}
        self._count = 0

    def add(self, chunk: Any) -> None:
        """One chunk, as the model yields it."""
        message = chunk.message
        text = message.content if type(message.content) is str else ""
        if not _is_plain(chunk):
            fields = message.model_dump(exclude_defaults=True, exclude=_DERIVED)
            without_timings(fields)
            if type(message.content) is str:
                fields.pop("content", None)
            if chunk.generation_info:
                fields["info"] = chunk.generation_info
            if message.type != "AIMessageChunk":
                fields["as"] = message.type
            self._others[self._count] = encode(fields, "a chunk")
        self._texts.append(text)
        self._count += 1

    def written(
        self, ids: CallIds, scrubber: Scrubber
    ) -> tuple[list[Any], dict[str, Any], dict[str, Any] | None]:
        """The chunks as JSON, the reply they amount to, and its usage."""
        texts = scrubber.pieces(self._texts)
        self._scrub_arguments(scrubber)
        chunks: list[Any] = [len(text) for text in texts]
        others = {index: scrubber.value(fields) for index, fields in self._others.items()}
        usage = take_usage(list(others.values()))
        for index, fields in others.items():
            if texts[index]:
                fields["n"] = len(texts[index])
            chunks[index] = fields
        # The normal form comes from what a reader of the recording would get.
        normal: dict[str, Any] = {"role": "ai", "content": "".join(texts)}
        if chunks:
            step = Step(_NO_REQUEST, {"message": normal}, chunks=chunks, usage=usage)
            message = merged(read_chunks(step)).generations[0].message
            full = normal_form(message, ids)
            normal.update({k: v for k, v in full.items() if k != "content"})
            if full["content"] != normal["content"]:
                return chunks, {"message": full, "text": normal["content"]}, usage
        return chunks, {"message": normal}, usage

    def _scrub_arguments(self, scrubber: Scrubber) -> None:
        """Arguments of tool calls come in pieces too: a secret may lie across them."""
        places: dict[Any, list[dict[str, Any]]] = {}
        for fields in self._others.values():
            for part in fields.get("tool_call_chunks", ()):
                if isinstance(part.get("args"), str):
                    places.setdefault(part.get("index"), []).append(part)
        for parts in places.values():
            pieces = scrubber.pieces([part["args"] for part in parts])
            for part, piece in zip(parts, pieces, strict=True):
                part["args"] = piece


_NO_REQUEST: Any = None


def without_timings(fields: dict[str, Any]) -> None:
    """Take out of a dumped message how long a local model took, which no two runs share.

    The last line of a recording has the time of each step.
    """
    metadata = fields.get("response_metadata")
    if isinstance(metadata, dict) and "timings" in metadata:
        kept = {name: value for name, value in metadata.items() if name != "timings"}
        fields["response_metadata"] = kept
        if not kept:
            del fields["response_metadata"]


def _is_plain(chunk: Any) -> bool:
    m = chunk.message
    return (
        type(m.content) is str
        and m.type == "AIMessageChunk"
        and not m.tool_call_chunks
        and not m.additional_kwargs
        and not m.response_metadata
        and not chunk.generation_info
        and m.usage_metadata is None
        and m.chunk_position is None
        and m.name is None
    )


def read_chunks(step: Step) -> list[Any]:
    """The chunks of a recorded stream, fresh."""
    from langchain_core.messages import AIMessageChunk
    from langchain_core.outputs import ChatGenerationChunk

    text = step.reply.get("text", step.reply["message"]["content"])
    result, at = [], 0
    for chunk in step.chunks or ():
        if isinstance(chunk, int):
            message = AIMessageChunk(content=text[at : at + chunk])
            at += chunk
            result.append(ChatGenerationChunk(message=message))
            continue
        fields = decode({k: v for k, v in chunk.items() if k not in ("n", "usage", "as")})
        length = chunk.get("n", 0)
        fields.setdefault("content", text[at : at + length])
        at += length
        if chunk.get("usage"):
            fields["usage_metadata"] = share_of(decode(step.usage), chunk["usage"])
        info = fields.pop("info", None)
        result.append(ChatGenerationChunk(message=AIMessageChunk(**fields), generation_info=info))
    return result


def packed(chunks: list[Any]) -> tuple[dict[str, Any] | None, list[Any]]:
    """What most chunks of a stream have besides their text, and the chunks, those by length.

    Hosted models name themselves in every chunk. The first is None where no three are alike.
    """
    alike: dict[str, int] = {}
    for chunk in chunks:
        if isinstance(chunk, dict):
            mark = json.dumps({k: v for k, v in chunk.items() if k != "n"})
            alike[mark] = alike.get(mark, 0) + 1
    most = max(alike, key=lambda mark: alike[mark], default="{}")
    each: dict[str, Any] = json.loads(most)
    if not each or alike[most] < 3:
        return None, chunks
    result: list[Any] = []
    for chunk in chunks:
        if isinstance(chunk, int):
            result.append({"n": chunk})
        elif {k: v for k, v in chunk.items() if k != "n"} == each:
            result.append(chunk.get("n", 0))
        else:
            result.append(chunk)
    return each, result


def unpacked(each: dict[str, Any], chunks: list[Any]) -> list[Any]:
    """The chunks that :func:`packed` was given."""
    result: list[Any] = []
    for chunk in chunks:
        if isinstance(chunk, int):
            result.append({**each, "n": chunk} if chunk else {**each})
        else:
            result.append(chunk["n"] if [*chunk] == ["n"] else chunk)
    return result


def merged(chunks: list[Any]) -> Any:
    """The whole answer, as LangChain makes it of a stream."""
    from langchain_core.language_models.chat_models import generate_from_stream

    return generate_from_stream(iter(chunks))


def as_chunks(message: Any, info: Any) -> list[Any]:
    """An answer that was not streamed, as a stream of one chunk."""
    from langchain_core.messages import AIMessageChunk
    from langchain_core.outputs import ChatGenerationChunk

    fields = message.model_dump(exclude_defaults=True, exclude=_DERIVED)
    calls = [
        {"name": c["name"], "args": json.dumps(c["args"]), "id": c["id"], "index": i,
         "type": "tool_call_chunk"}
        for i, c in enumerate(message.tool_calls)
    ]  # fmt: skip
    fields |= {"content": message.content, "chunk_position": "last"}
    if calls:
        fields["tool_call_chunks"] = calls
    return [ChatGenerationChunk(message=AIMessageChunk(**fields), generation_info=info)]
