"""``ChatCohere`` with its requests made and read here.

LangChain's wrapper leaves out most of the API's parameters and mixes up streamed tool calls, and
the SDK skips stream events that it cannot parse. What they do well is kept: messages, tools and
schemas are put in Cohere's form by them.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import AsyncIterator
from typing import Any

import httpx
from cohere.core.jsonable_encoder import jsonable_encoder
from langchain_cohere import ChatCohere
from langchain_cohere.chat_models import get_cohere_chat_request_v2
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

from agentlab.models._cohere_events import chunks, events, message_of
from agentlab.models._provider_errors import Endpoint, from_answer

COHERE_URL = "https://api.cohere.com"
_RENAMED = {"top_p": "p", "top_k": "k", "stop": "stop_sequences"}
_CHOICES = {"any": "REQUIRED", "required": "REQUIRED", "none": "NONE", "auto": None}


class CohereOverHTTP(ChatCohere):
    """The asynchronous calls, over ``POST /v2/chat``."""

    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    max_tokens: int | None = None
    logprobs: bool | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    extra_body: dict[str, Any] | None = None

    _seen: Endpoint | None = PrivateAttr(default=None)

    def _asked(self) -> Endpoint:
        if self._seen is None:
            secret = self.cohere_api_key
            key = "" if secret is None else secret.get_secret_value()
            self._seen = Endpoint(
                model=f"cohere:{self.model}",
                url=self.base_url or COHERE_URL,
                key_variable="COHERE_API_KEY",
                key="" if key == "none" else key,
            )
        return self._seen

    @property
    def _default_params(self) -> dict[str, Any]:
        own = ["top_p", "top_k", "seed", "max_tokens", "logprobs", "stop"]
        own += ["frequency_penalty", "presence_penalty"]
        named = {_RENAMED.get(name, name): getattr(self, name) for name in own}
        return {**super()._default_params, **{k: v for k, v in named.items() if v is not None}}

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        async with self._post(messages, stop, kwargs, stream=False) as response:
            text = await _whole(response, self._asked())
        value = json.loads(text)
        message: AIMessage = message_of(value, self._asked().model)
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        asked = self._asked()
        async with self._post(messages, stop, kwargs, stream=True) as response:
            if not response.is_success:
                await _whole(response, asked)
            async for event in events(response.aiter_lines()):
                for chunk in chunks(event, asked.model):
                    yield chunk

    def _post(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        kwargs: dict[str, Any],
        *,
        stream: bool,
    ) -> Any:
        given = {_RENAMED.get(name, name): value for name, value in kwargs.items()}
        params = {**self._default_params, **given}
        if stop is not None:
            params["stop_sequences"] = stop
        if "tool_choice" in params:
            _choose(params, params.pop("tool_choice"))
        request = get_cohere_chat_request_v2(messages, **params)
        asked = self._asked()
        return _client(os.getpid()).stream(
            "POST",
            f"{asked.url}/v2/chat",
            json={**jsonable_encoder(request), **(self.extra_body or {}), "stream": stream},
            headers={"Authorization": f"Bearer {asked.key}"} if asked.key else {},
            timeout=self.timeout_seconds,
        )


def _choose(params: dict[str, Any], choice: Any) -> None:
    """LangChain's ``tool_choice`` in Cohere's form: one named tool is offered alone."""
    if choice is None or choice is False:
        return
    word = "any" if choice is True else str(choice)
    if word.lower() in _CHOICES:
        cohere = _CHOICES[word.lower()]
    else:
        cohere = "REQUIRED"
        tools = params.get("tools") or []
        params["tools"] = [tool for tool in tools if tool.function.name == word]
    if cohere:
        params["tool_choice"] = cohere


async def _whole(response: httpx.Response, asked: Endpoint) -> str:
    """The answer's body.

    Raises:
        ProviderError: the answer is an error.
    """
    body = (await response.aread()).decode("utf-8", errors="replace")
    if not response.is_success:
        raise from_answer(response.status_code, _parsed(body), response.headers, asked)
    return body


def _parsed(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body


@functools.cache
def _client(_process: int) -> httpx.AsyncClient:
    """One connection pool a process: it lives on the event loop of the hosted calls."""
    return httpx.AsyncClient(follow_redirects=True)
