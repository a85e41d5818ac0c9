"""Models of OpenAI, and of any server that speaks its protocol (``base_url``)."""

from __future__ import annotations

import functools
import os
from typing import Any, ClassVar, TypeVar

from langchain_core.messages import BaseMessage
from langchain_core.messages.utils import count_tokens_approximately
from pydantic import Field, PrivateAttr, SecretStr, ValidationError

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
    import openai
    from langchain_openai import ChatOpenAI
except ImportError:
    raise missing_extra("openai", "langchain-openai") from None

OPENAI_URL = "https://api.openai.com/v1"
PARAMETERS = (
    "temperature", "top_p", "seed", "max_tokens", "stop", "logprobs", "top_logprobs",
    "frequency_penalty", "presence_penalty", "logit_bias", "reasoning_effort", "verbosity",
    "service_tier", "base_url", "api_key", "organization", "timeout", "max_retries",
    "default_headers", "default_query", "extra_body", "stream_usage", "use_responses_api",
)  # fmt: skip


_UNSUPPORTED = ("top_k", *LOCAL_ONLY)
Model = TypeVar("Model", bound="OpenAIChatModel")


def create(name: str, **params: Any) -> OpenAIChatModel:
    """The model ``name`` of OpenAI, or of the server at ``base_url``.

    The key is ``api_key`` or ``OPENAI_API_KEY``, the address ``base_url`` or ``OPENAI_BASE_URL``.
    With an address of your own no key is needed. ``timeout`` is in seconds (600 by default);
    ``max_retries`` counts the tries after the first (2 by default).

    Raises:
        MissingKey: there is no key, and OpenAI's own address asks for one.
        ConfigError: a parameter is unknown, not OpenAI's, or of a wrong type.
    """
    return build(OpenAIChatModel, name, params)


def build(kind: type[Model], name: str, params: dict[str, Any]) -> Model:
    """A model of ``kind``. See :func:`create`."""
    model = f"openai:{name}"
    for local in _UNSUPPORTED:
        if local in params:
            raise unsupported(model, local)
    check_parameters(params, PARAMETERS, model)
    url = params.pop("base_url", None) or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise ConfigError(f"{model}: `base_url` must start with http:// or https://, not {url!r}")
    own = _is_openai(url)
    key = key_from(params.pop("api_key", None), ("OPENAI_API_KEY",), model, needed=own)
    retries = params.pop("max_retries", None)
    timeout = seconds(params.pop("timeout", None), model, "timeout")
    try:
        return kind(
            model=name,
            base_url=url,
            # The client refuses to be made without a key; servers that ask for none ignore it.
            api_key=key or "none",
            max_retries=0,
            tries_again=2 if retries is None else retries,
            timeout=timeout or 600.0,
            http_async_client=_client(os.getpid()),
            **{"stream_usage": True, **params},
        )
    except ValidationError as error:
        failure = wrong_value(model, error)
    raise failure


class OpenAIChatModel(HostedCalls, ChatOpenAI):
    """LangChain's ``ChatOpenAI`` with typed errors, whole streams and calls that can be stopped."""

    _unsupported: ClassVar[tuple[str, ...]] = _UNSUPPORTED
    tries_again: int = Field(default=2, ge=0, le=20)

    _seen: Endpoint | None = PrivateAttr(default=None)

    @property
    def _endpoint(self) -> Endpoint:
        if self._seen is None:
            secret = self.openai_api_key
            key = secret.get_secret_value() if isinstance(secret, SecretStr) else ""
            self._seen = Endpoint(
                model=f"openai:{self.model_name}",
                url=self.openai_api_base or OPENAI_URL,
                key_variable="OPENAI_API_KEY",
                key="" if key == "none" else key,
            )
        return self._seen

    @property
    def identity(self) -> dict[str, Any]:
        """Which model this is; not where it runs, so that a server may move."""
        return {"name": self._endpoint.model}

    def _get_request_payload(
        self, input_: Any, *, stop: list[str] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        payload: dict[str, Any] = super()._get_request_payload(input_, stop=stop, **kwargs)
        # OpenAI renamed the parameter; not all compatible servers know the new name.
        if "max_completion_tokens" in payload and not _is_openai(self.openai_api_base or ""):
            payload["max_tokens"] = payload.pop("max_completion_tokens")
        return payload

    def get_num_tokens(self, text: str) -> int:
        """Tokens in ``text``; an estimate where tiktoken's vocabulary cannot be had."""
        try:
            return super().get_num_tokens(text)
        except OSError:  # tiktoken downloads its vocabularies
            return count_tokens_approximately([text])

    def get_num_tokens_from_messages(self, messages: Any, tools: Any = None, **kwargs: Any) -> int:
        """Tokens in ``messages``; an estimate for models that tiktoken does not know."""
        found: list[BaseMessage] = list(messages)
        try:
            return super().get_num_tokens_from_messages(found, tools, **kwargs)
        except (OSError, NotImplementedError):
            return count_tokens_approximately(found)


def _is_openai(url: str) -> bool:
    return url.startswith("https://api.openai.com")


@functools.cache
def _client(_process: int) -> Any:
    """One connection pool a process: it lives on the event loop of the hosted calls."""
    return openai.DefaultAsyncHttpxClient()
