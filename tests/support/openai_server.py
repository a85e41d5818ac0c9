"""OpenAI's protocol on loopback: chat completions, models, embeddings."""

from __future__ import annotations

import hashlib
import json
import random
import string
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.provider_server import Provider, Reply, Request, serving


class OpenAIServer(Provider):
    """Speaks ``/v1/chat/completions``, streamed or not, ``/v1/models`` and ``/v1/embeddings``."""

    def chats_at(self, path: str) -> bool:
        return path == "/v1/chat/completions"

    def error(self, status: int, message: str) -> Any:
        return {"error": {"message": message, "type": "server_error", "code": None}}

    def other(self, request: Request) -> Any:
        match request.method, request.path:
            case "GET", "/v1/models":
                return {"object": "list", "data": [{"id": "test", "object": "model"}]}
            case "POST", "/v1/embeddings":
                return _embeddings(request.body)
        return None

    def whole(self, reply: Reply, request: Request) -> Any:
        message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
        if reply.tool_calls:
            message["tool_calls"] = [_call(n, name, args) for n, name, args in _numbered(reply)]
        choice = {"index": 0, "message": message, "finish_reason": _finish(reply)}
        if request.body.get("logprobs"):
            choice["logprobs"] = {"content": [_logprob(word) for word in reply.words()]}
        return {**_head(request, "chat.completion"), "choices": [choice], "usage": _usage(reply)}

    def events(self, reply: Reply, request: Request) -> Iterator[tuple[str, str]]:
        head = _head(request, "chat.completion.chunk")

        def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> str:
            choice = {"index": 0, "delta": delta, "finish_reason": finish, **more}
            return json.dumps({**head, "choices": [choice]})

        yield "part", chunk({"role": "assistant", "content": ""})
        for word in reply.words():
            asked = request.body.get("logprobs")
            more = {"logprobs": {"content": [_logprob(word)]}} if asked else {}
            yield "word", chunk({"content": word}, **more)
        for n, name, args in _numbered(reply):
            call = _call(n, name, args)
            text, call["function"]["arguments"] = call["function"]["arguments"], ""
            yield "part", chunk({"tool_calls": [{"index": n, **call}]})
            for piece in (text[: len(text) // 2], text[len(text) // 2 :]):
                delta = {"index": n, "function": {"arguments": piece}}
                yield "part", chunk({"tool_calls": [delta]})
        yield "end", chunk({}, _finish(reply))
        if (request.body.get("stream_options") or {}).get("include_usage"):
            yield "part", json.dumps({**head, "choices": [], "usage": _usage(reply)})


class LifelikeServer(OpenAIServer):
    """Gives answers and tool calls identifiers of their own, and counts tokens, as OpenAI does."""

    def __init__(self) -> None:
        super().__init__()
        self._random = random.Random(1)

    def _fresh(self, start: str, size: int) -> str:
        return start + "".join(self._random.choices(string.ascii_letters + string.digits, k=size))

    def whole(self, reply: Reply, request: Request) -> Any:
        answer = super().whole(reply, request)
        for call in answer["choices"][0]["message"].get("tool_calls", ()):
            call["id"] = self._fresh("call_", 24)
        read = sum(len(str(m.get("content")).split()) for m in request.body["messages"])
        written = answer["usage"]["completion_tokens"]
        usage = {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
            "prompt_tokens_details": {"cached_tokens": read // 128 * 128, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }
        own = {"id": self._fresh("chatcmpl-", 29), "system_fingerprint": "fp_44709d6fcb"}
        return {**answer, **own, "usage": usage}


@contextmanager
def openai_server(*, lifelike: bool = False) -> Iterator[OpenAIServer]:
    """A running server; give its ``url`` as ``base_url``."""
    server = LifelikeServer() if lifelike else OpenAIServer()
    with serving(server, "/v1"):
        yield server


def _head(request: Request, kind: str) -> dict[str, Any]:
    return {"id": "chat-1", "object": kind, "created": 1, "model": request.body["model"]}


def _numbered(reply: Reply) -> Iterator[tuple[int, str, dict[str, Any]]]:
    for n, (name, args) in enumerate(reply.tool_calls):
        yield n, name, args


def _call(n: int, name: str, args: dict[str, Any]) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(args)}
    return {"id": f"call_{n + 1}", "type": "function", "function": function}


def _finish(reply: Reply) -> str:
    return reply.finish or ("tool_calls" if reply.tool_calls else "stop")


def _logprob(word: str) -> dict[str, Any]:
    return {"token": word, "logprob": -0.25, "bytes": list(word.encode()), "top_logprobs": []}


def _usage(reply: Reply) -> dict[str, int]:
    written = len(reply.words())
    return {"prompt_tokens": 9, "completion_tokens": written, "total_tokens": 9 + written}


def _embeddings(body: dict[str, Any]) -> dict[str, Any]:
    """Eight numbers a text, from its hash: equal texts have equal vectors."""
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    data = [
        {"object": "embedding", "index": n, "embedding": _vector(json.dumps(text))}
        for n, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
    return {"object": "list", "data": data, "model": body["model"], "usage": usage}


def _vector(text: str) -> list[float]:
    return [byte / 255 for byte in hashlib.sha256(text.encode()).digest()[:8]]
