"""Cohere's chat models, over its v2 API."""

from __future__ import annotations

import os
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.messages.utils import count_tokens_approximately
from pydantic import Field, SecretStr, ValidationError

from agentlab.errors import ConfigError
from agentlab.models._hosted import (
    LOCAL_ONLY,
    HostedCalls,
    key_from,
    missing_extra,
    seconds,
    unsupported,
    wrong_value,
)
from agentlab.models._parameters import check_parameters
from agentlab.models._provider_errors import Endpoint

try:
    from agentlab.models._cohere_http import COHERE_URL, CohereOverHTTP
except ImportError:
    raise missing_extra("cohere", "langchain-cohere") from None

PARAMETERS = (
    "temperature", "top_p", "top_k", "seed", "max_tokens", "stop", "logprobs",
    "frequency_penalty", "presence_penalty", "base_url", "api_key", "timeout", "max_retries",
    "extra_body",
)  # fmt: skip


def create(name: str, **params: Any) -> CohereChatModel:
    """The model ``name`` of Cohere, or of the server at ``base_url`` that speaks its v2 protocol.

    The key is ``api_key``, ``COHERE_API_KEY`` or ``CO_API_KEY``; with ``base_url`` none is needed.
    ``timeout`` is in seconds (300 by default); ``max_retries`` counts the tries after the first
    (2 by default).

    Raises:
        MissingKey: there is no key, and Cohere's own address asks for one.
        ConfigError: a parameter is unknown, not Cohere's, or of a wrong type.
    """
    model = f"cohere:{name}"
    for local in LOCAL_ONLY:
        if local in params:
            raise unsupported(model, local)
    check_parameters(params, PARAMETERS, model)
    url = params.pop("base_url", None) or os.environ.get("CO_API_URL") or COHERE_URL
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise ConfigError(f"{model}: `base_url` must start with http:// or https://, not {url!r}")
    own = url.startswith(COHERE_URL)
    key = key_from(params.pop("api_key", None), ("COHERE_API_KEY", "CO_API_KEY"), model, needed=own)
    stop = params.pop("stop", None)
    retries = params.pop("max_retries", None)
    timeout = seconds(params.pop("timeout", None), model, "timeout")
    try:
        return CohereChatModel(
            model=name,
            base_url=url.rstrip("/").removesuffix("/v2").removesuffix("/v1"),
            cohere_api_key=SecretStr(key or "none"),  # the client refuses to be made without
            stop=[stop] if isinstance(stop, str) else stop,
            tries_again=2 if retries is None else retries,
            timeout_seconds=timeout or 300.0,
            **params,
        )
    except ValidationError as error:
        failure = wrong_value(model, error)
    raise failure


class CohereChatModel(HostedCalls, CohereOverHTTP):
    """LangChain's ``ChatCohere`` with all of the API's parameters, typed errors and whole streams.

    Finish reasons are OpenAI's words (``stop``, ``length``, ``tool_calls``), as of all models
    here. Citations are plain values in ``additional_kwargs["citations"]``.
    """

    tries_again: int = Field(default=2, ge=0, le=20)

    @property
    def _endpoint(self) -> Endpoint:
        return self._asked()

    @property
    def identity(self) -> dict[str, Any]:
        """Which model this is; not where it runs, so that a server may move."""
        return {"name": self._endpoint.model}

    def get_num_tokens(self, text: str) -> int:
        """An estimate of the tokens in ``text``, made without a request."""
        return count_tokens_approximately([text])

    def get_num_tokens_from_messages(self, messages: Any, tools: Any = None) -> int:
        """An estimate of the tokens in ``messages``, made without a request."""
        found: list[BaseMessage] = list(messages)
        return count_tokens_approximately(found)
