"""What hosted models share: retries, errors, interrupted streams, cancellation."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, ClassVar

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableSequence

from agentlab.errors import (
    AgentLabError,
    ConfigError,
    MissingExtra,
    MissingKey,
    ProviderError,
    RateLimited,
    StreamInterrupted,
    Unreachable,
)
from agentlab.models import _event_loop
from agentlab.models._provider_errors import Endpoint, explain
from agentlab.models._structured import structured

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel as _Base
    from pydantic import ValidationError
else:
    _Base = object  # a mixin: pydantic must see each field once

LONGEST_WAIT = 60.0  # seconds; an API that asks for more is not waited for
LOCAL_ONLY = (
    *("min_p", "repeat_penalty", "grammar", "lark", "regex", "choices"),
    *("n_ctx", "n_gpu_layers", "n_batch"),
)


class HostedCalls(_Base):
    """Stands before a provider's chat model in the bases, and calls its asynchronous methods.

    A failed request is tried again, ``tries_again`` times, when it may help: no connection, no
    answer in time, 408, 409, 429 and 5xx; never once a part of the answer was seen.
    """

    _unsupported: ClassVar[tuple[str, ...]] = LOCAL_ONLY

    if TYPE_CHECKING:
        tries_again: int
        seed: int | None

        @property
        def _endpoint(self) -> Endpoint: ...

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        return _event_loop.run(self._answer(messages, stop, kwargs))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        return await _event_loop.arun(self._answer(messages, stop, kwargs))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        yield from _event_loop.iterate(lambda: self._pieces(messages, stop, kwargs))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        pieces = _event_loop.aiterate(lambda: self._pieces(messages, stop, kwargs))
        async with aclosing(pieces):  # type: ignore[type-var]
            async for piece in pieces:
                yield piece

    def with_structured_output(
        self, schema: Any = None, *args: Any, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[LanguageModelInput, Any]:
        """As LangChain's, by the provider's own means, but what does not fit is told alike.

        The result raises :class:`~agentlab.errors.InvalidOutput` where an answer is not what
        ``schema`` (a pydantic class, a TypedDict or a JSON schema) asks.
        """
        asking = super().with_structured_output(schema, *args, **kwargs)
        if not isinstance(asking, RunnableSequence):
            raise TypeError(f"expected a model and a parser, not {type(asking).__name__}")
        return structured(asking.first, schema, include_raw=include_raw)

    async def _answer(
        self, messages: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
    ) -> ChatResult:
        self._check(kwargs)
        attempt = 0
        while True:
            try:
                result = await super()._agenerate(messages, stop, **kwargs)
            except Exception as error:  # noqa: BLE001 - every kind is told in our words
                failure = explain(error, self._endpoint)
            else:
                return self._finished(result)
            await self._wait_or_raise(failure, attempt)
            attempt += 1

    async def _pieces(
        self, messages: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
    ) -> AsyncIterator[ChatGenerationChunk]:
        self._check(kwargs)
        attempt = 0
        while True:
            said: list[str] = []
            started = finished = False
            failure: AgentLabError | None = None
            try:
                stream = super()._astream(messages, stop, **kwargs)
                async with aclosing(stream):  # type: ignore[type-var]
                    async for piece in stream:
                        started = True
                        said.append(piece.message.text)
                        if not finished and _finish_reason(piece):
                            finished = True
                            piece = self._marked(piece)
                        yield piece
            except Exception as error:  # noqa: BLE001 - every kind is told in our words
                failure = explain(error, self._endpoint, stream=True)
            if finished and (failure is None or _of_the_line(failure)):
                return  # a line that breaks after the finish reason took nothing from the answer
            if failure is None or (started and _of_the_line(failure)):
                why = str(failure) if failure else "it ended without a finish reason"
                failure = StreamInterrupted(
                    f"{self._endpoint.model}: the answer stopped in the middle: "
                    + why.removeprefix(f"{self._endpoint.model}: "),
                    partial="".join(said),
                )
            if started:
                raise failure
            await self._wait_or_raise(failure, attempt)
            attempt += 1

    async def _wait_or_raise(self, failure: AgentLabError, attempt: int) -> None:
        wait = worth_waiting(failure, attempt)
        if attempt >= self.tries_again or wait is None:
            raise failure
        await asyncio.sleep(wait)

    def _check(self, kwargs: dict[str, Any]) -> None:
        """Refuse what only a local model takes, bound to this one later (``model.bind``)."""
        for name in self._unsupported:
            if name in kwargs:
                raise unsupported(self._endpoint.model, name)

    def _finished(self, result: ChatResult) -> ChatResult:
        for generation in result.generations:
            self._mark(generation.message)
        return result

    def _marked(self, piece: ChatGenerationChunk) -> ChatGenerationChunk:
        self._mark(piece.message)
        return piece

    def _mark(self, message: BaseMessage) -> None:
        if isinstance(message, AIMessage | AIMessageChunk) and self.seed is not None:
            message.response_metadata.setdefault("seed", self.seed)


def _finish_reason(piece: ChatGenerationChunk) -> bool:
    """Whether ``piece`` is the one that ends the answer."""
    info = {**(piece.generation_info or {}), **piece.message.response_metadata}
    last = getattr(piece.message, "chunk_position", None) == "last"
    # OpenAI's Responses API gives a status in place of a finish reason.
    return last or bool(info.get("finish_reason")) or bool(info.get("status"))


def _of_the_line(failure: AgentLabError) -> bool:
    return isinstance(failure, ProviderError | StreamInterrupted)


def worth_waiting(failure: AgentLabError, attempt: int) -> float | None:
    """The seconds until a new try; None where one would not help."""
    longest = min(8.0, 0.5 * 2.0**attempt)
    backoff = longest * random.uniform(0.75, 1.0)  # noqa: S311 - no secret
    if isinstance(failure, RateLimited):
        wait = backoff if failure.retry_after is None else failure.retry_after
        return wait if wait <= LONGEST_WAIT else None
    if isinstance(failure, Unreachable):
        return backoff
    if isinstance(failure, ProviderError):
        status = failure.status or 0
        return backoff if status in (408, 409) or status >= 500 else None
    return None


def unsupported(model: str, name: str) -> ConfigError:
    """The error for a parameter that only local models have."""
    return ConfigError(
        f"{model} has no parameter {name!r}: hosted APIs do not take it",
        hint=f"leave it out; a compatible server may take it in `extra_body={{{name!r}: …}}`",
    )


def missing_extra(extra: str, package: str) -> MissingExtra:
    """The error for a provider whose libraries are not installed."""
    return MissingExtra(
        f"{extra}: models need the package {package}, which is not installed",
        hint=f"uv sync --extra {extra} in the project, or pip install {package}",
    )


def seconds(value: Any, model: str, name: str) -> float | None:
    """``value`` as seconds, None where it was not given.

    Raises:
        ConfigError: it is not a positive number.
    """
    if value is None:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value < float("inf"):
        raise ConfigError(f"{model}: `{name}` must be seconds, more than 0, not {value!r}")
    return float(value)


def key_from(given: Any, variables: tuple[str, ...], model: str, *, needed: bool) -> str:
    """The API key: ``given``, or the first of the environment ``variables`` that is set.

    Raises:
        MissingKey: there is none, and one is ``needed``.
        ConfigError: ``given`` is no text.
    """
    if given is not None:
        secret = given.get_secret_value() if hasattr(given, "get_secret_value") else given
        if not isinstance(secret, str):
            raise ConfigError(f"{model}: `api_key` must be text, not {type(given).__name__}")
        if secret.strip():
            return secret.strip()
    for variable in variables:
        if os.environ.get(variable, "").strip():
            return os.environ[variable].strip()
    if needed:
        raise MissingKey(
            f"{model} needs an API key, and {' or '.join(variables)} is not set",
            hint=f"export {variables[0]}=…, or give `base_url` for a server that asks for none",
        )
    return ""


def wrong_value(model: str, error: ValidationError) -> ConfigError:
    """A parameter of a wrong type, told without its value: it may be a key."""
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "a parameter"
    place = place.replace("tries_again", "max_retries")
    return ConfigError(f"{model}: {place} is wrong: {first['msg'].lower()}")
