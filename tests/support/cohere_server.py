"""Cohere's v2 protocol on loopback: chat, streamed or not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.provider_server import Provider, Reply, Request, serving

CITATION = {"start": 0, "end": 5, "text": "Hello", "sources": [{"type": "document", "id": "doc-0"}]}


class CohereServer(Provider):
    """Speaks ``/v2/chat``. Cites the first document where the request has documents."""

    def chats_at(self, path: str) -> bool:
        return path == "/v2/chat"

    def error(self, status: int, message: str) -> Any:
        return {"id": "1", "message": message}

    def failure(self, message: str) -> Any:
        return {"type": "message-end", "delta": {"error": message, "finish_reason": "ERROR"}}

    def whole(self, reply: Reply, request: Request) -> Any:
        message: dict[str, Any] = {"role": "assistant"}
        if reply.tool_calls:
            message["tool_plan"] = reply.text
            message["tool_calls"] = [_call(n, *call) for n, call in enumerate(reply.tool_calls)]
        else:
            message["content"] = [{"type": "text", "text": reply.text}]
        if request.body.get("documents"):
            message["citations"] = [CITATION]
        ends = {"finish_reason": _finish(reply), "usage": _usage(reply)}
        return {"id": "1", "message": message, **ends}

    def events(self, reply: Reply, request: Request) -> Iterator[tuple[str, str]]:
        def event(kind: str, **fields: Any) -> str:
            return json.dumps({"type": kind, **fields})

        def delta(**message: Any) -> dict[str, Any]:
            return {"message": message}

        yield "part", event("message-start", id="1", delta=delta(role="assistant"))
        if reply.tool_calls:
            for word in reply.words():
                yield "word", event("tool-plan-delta", delta=delta(tool_plan=word))
            for n, (name, args) in enumerate(reply.tool_calls):
                call = _call(n, name, args)
                text, call["function"]["arguments"] = call["function"]["arguments"], ""
                yield "part", event("tool-call-start", index=n, delta=delta(tool_calls=call))
                for piece in (text[: len(text) // 2], text[len(text) // 2 :]):
                    part = {"function": {"arguments": piece}}
                    yield "part", event("tool-call-delta", index=n, delta=delta(tool_calls=part))
                yield "part", event("tool-call-end", index=n)
        else:
            start = delta(content={"type": "text", "text": ""})
            yield "part", event("content-start", index=0, delta=start)
            for word in reply.words():
                yield "word", event("content-delta", index=0, delta=delta(content={"text": word}))
            if request.body.get("documents"):
                yield "part", event("citation-start", index=0, delta=delta(citations=CITATION))
            yield "part", event("content-end", index=0)
        ends = {"finish_reason": _finish(reply), "usage": _usage(reply)}
        yield "end", event("message-end", delta=ends)


@contextmanager
def cohere_server() -> Iterator[CohereServer]:
    """A running server; give its ``url`` as ``base_url``."""
    server = CohereServer()
    with serving(server, ""):
        yield server


def _call(n: int, name: str, args: dict[str, Any]) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(args)}
    return {"id": f"{name}_{n}", "type": "function", "function": function}


def _finish(reply: Reply) -> str:
    return reply.finish or ("TOOL_CALL" if reply.tool_calls else "COMPLETE")


def _usage(reply: Reply) -> dict[str, Any]:
    counts = {"input_tokens": 9, "output_tokens": len(reply.words())}
    return {"billed_units": counts, "tokens": counts}
