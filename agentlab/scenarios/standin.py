"""Hosted models in replay: what a recording compares, without the provider's library.

Importing langchain-openai takes longer than replaying hundreds of scenarios. A request is told
apart by the model's name and its settings, which are known without it, and by the schemas of its
tools, which langchain-core writes. What the library itself makes of schemas of answers, of Cohere's
tools and the like is left to it: the model proper is made when that is asked for, once a process.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from pydantic import ConfigDict, PrivateAttr, ValidationError, model_validator

from agentlab.errors import AgentLabError
from agentlab.offline import raise_if_offline
from agentlab.scenarios.keeping import kept

if TYPE_CHECKING:
    from langchain_core.outputs import ChatGenerationChunk, ChatResult

# Settings that are no part of a request; the model proper checks them when it is recorded.
_ELSEWHERE = frozenset({
    "base_url", "api_key", "organization", "timeout", "max_retries", "default_headers",
    "default_query", "stream_usage", "service_tier",
})  # fmt: skip
_SETTINGS = {
    "openai": frozenset({
        "temperature", "top_p", "seed", "max_tokens", "stop", "logprobs", "top_logprobs",
        "frequency_penalty", "presence_penalty", "logit_bias", "reasoning_effort", "verbosity",
        "extra_body",
    }),
    "cohere": frozenset({
        "temperature", "top_p", "top_k", "seed", "max_tokens", "stop", "logprobs",
        "frequency_penalty", "presence_penalty", "extra_body",
    }),
}  # fmt: skip
_TYPES = {"openai": "openai-chat", "cohere": "cohere-chat"}
# Whose settings langchain-openai changes by their name.
_SPECIAL = ("o1", "gpt-5")
# The fields that the libraries' models have and this one has not.
_THEIRS = frozenset({
    "async_client", "base_url", "client", "cohere_api_key", "context_management",
    "default_headers", "default_query", "disabled_params", "http_async_client", "http_client",
    "http_socket_options", "include", "include_response_headers", "max_retries", "model_kwargs",
    "n", "openai_api_base", "openai_api_key", "openai_organization", "openai_proxy", "preamble",
    "prompt_cache_options", "reasoning", "request_timeout", "root_async_client", "root_client",
    "service_tier", "store", "stream_chunk_timeout", "stream_usage", "streaming",
    "tiktoken_model_name", "timeout_seconds", "tries_again", "truncation",
    "use_previous_response_id", "use_responses_api", "user_agent",
})  # fmt: skip


class StandIn(BaseChatModel):
    """Has the name and the settings of a hosted model, and gives no answers of its own."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=(), strict=True)

    provider: str
    model_name: str
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    max_tokens: int | None = None
    stop: str | list[str] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: dict[Any, int] | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    extra_body: dict[str, Any] | None = None

    _make: Callable[[], BaseChatModel] = PrivateAttr()

    @property
    def _llm_type(self) -> str:
        return _TYPES[self.provider]

    @property
    def identity(self) -> dict[str, Any]:
        """Which model this is."""
        return {"name": f"{self.provider}:{self.model_name}"}

    @property
    def model(self) -> str:
        """Its name, as the libraries call it."""
        return self.model_name

    # LangChain fills and checks `profile` here; that of a stand-in is the model's own, below.

    @model_validator(mode="after")
    def _set_model_profile(self) -> StandIn:
        return self

    @model_validator(mode="after")
    def _check_profile_keys(self) -> StandIn:
        return self

    def __getattr__(self, name: str) -> Any:
        if name not in _THEIRS:
            return super().__getattr__(name)  # type: ignore[misc]
        try:
            return getattr(self._make(), name)
        except AgentLabError as error:
            raise AttributeError(f"{self.model_name} has no {name!r} in replay: {error}") from error

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        """The model's own; of OpenAI's without the library, where the tools are plain ones."""
        bound = _openai_tools(tools, **kwargs) if self.provider == "openai" else None
        if bound is not None:
            return self.bind(**bound)
        return self._make().bind_tools(tools, **kwargs)

    def with_structured_output(self, schema: Any = None, **kwargs: Any) -> Any:
        """The model's own: the library writes the schema."""
        return self._make().with_structured_output(schema, **kwargs)

    def get_token_ids(self, text: str) -> list[int]:
        """The model's own."""
        return self._make().get_token_ids(text)

    def get_num_tokens(self, text: str) -> int:
        """The model's own."""
        return self._make().get_num_tokens(text)

    def get_num_tokens_from_messages(self, messages: Any, tools: Any = None) -> int:
        """The model's own."""
        return self._make().get_num_tokens_from_messages(messages, tools)

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None,
                  **kwargs: Any) -> ChatResult:  # fmt: skip
        raise self._refusal()

    async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None,
                         **kwargs: Any) -> ChatResult:  # fmt: skip
        raise self._refusal()

    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None,
                **kwargs: Any) -> Iterator[ChatGenerationChunk]:  # fmt: skip
        raise self._refusal()

    async def _astream(self, messages: Any, stop: Any = None, run_manager: Any = None,
                       **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:  # fmt: skip
        raise self._refusal()
        yield  # makes it a generator

    def _refusal(self) -> RuntimeError:
        raise_if_offline(f"ask {self.provider}:{self.model_name}")
        return RuntimeError("a stand-in was kept after its replay")


# Pydantic takes no property in a field's place, so it is set afterwards.
StandIn.profile = property(lambda self: self._make().profile)  # type: ignore[assignment]


def _openai_tools(
    tools: Sequence[Any],
    *,
    tool_choice: Any = None,
    strict: bool | None = None,
    parallel_tool_calls: bool | None = None,
    response_format: Any = None,
    **kwargs: Any,
) -> dict[str, Any] | None:
    """What langchain-openai binds for ``tools``; None where something is not plain."""
    from langchain_core.utils.function_calling import convert_to_openai_tool

    if response_format or any(isinstance(t, dict) or getattr(t, "extras", None) for t in tools):
        return None
    bound = {**kwargs, "tools": [convert_to_openai_tool(tool, strict=strict) for tool in tools]}
    if parallel_tool_calls is not None:
        bound["parallel_tool_calls"] = parallel_tool_calls
    if tool_choice:
        if tool_choice in [tool["function"]["name"] for tool in bound["tools"]]:
            tool_choice = {"type": "function", "function": {"name": tool_choice}}
        elif tool_choice in (True, "any"):
            tool_choice = "required"
        elif tool_choice not in ("auto", "none", "required"):
            return None
        bound["tool_choice"] = tool_choice
    return bound


def stand_in(
    provider: str, name: str, parameters: dict[str, Any], make: Callable[[], BaseChatModel]
) -> BaseChatModel:
    """A stand-in for the model that ``make()`` makes; that model where its settings are not plain.

    Equal ones are made once a process.
    """

    def real() -> BaseChatModel:
        return kept(["model", provider, name, parameters], make)

    own = {k: v for k, v in parameters.items() if k not in _ELSEWHERE}
    if not _SETTINGS[provider].issuperset(own) or name.lower().startswith(_SPECIAL):
        return real()
    if provider == "cohere" and isinstance(own.get("stop"), str):
        own["stop"] = [own["stop"]]
    try:
        made = StandIn(provider=provider, model_name=name, **own)
    except ValidationError:
        return real()  # which says what is wrong, or knows better
    made._make = real
    return made
