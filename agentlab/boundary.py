"""The one place that every call to a model, tool, retriever or embedder crosses.

:func:`recordable` makes any LangChain object cross it; all loaders return such objects. While no
handler is installed, crossing costs one context-variable lookup. :func:`handling` installs one::

    with handling(Recorder(...)):
        chain.invoke(...)        # the recorder sees every call, in invoke, stream, batch and async

The outermost handler is the one installed first.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

from agentlab import cancellation

T = TypeVar("T")
Kind = Literal["model", "embed", "rerank", "retrieve", "tool", "clock"]


@dataclass(frozen=True, slots=True)
class Call:
    """One call at the boundary: what is called, and with what."""

    kind: Kind
    target: Any
    method: str
    arguments: Mapping[str, Any]


class Handler:
    """Sees every call. The methods here pass it on; override what you need.

    ``proceed()`` makes the call (or hands it to the next handler). Returning without it answers
    in the call's place.
    """

    def call(self, call: Call, proceed: Callable[[], Any]) -> Any:
        """A call that returns a value."""
        return proceed()

    async def acall(self, call: Call, proceed: Callable[[], Awaitable[Any]]) -> Any:
        """The same, awaited."""
        return await proceed()

    def stream(self, call: Call, proceed: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        """A call that yields chunks."""
        yield from proceed()

    async def astream(
        self, call: Call, proceed: Callable[[], AsyncIterator[Any]]
    ) -> AsyncIterator[Any]:
        """The same, asynchronously."""
        async for chunk in proceed():
            yield chunk


_handlers: ContextVar[tuple[Handler, ...]] = ContextVar("agentlab_handlers", default=())
# The target whose method is running: a `_generate` built on the same model's `_stream` is one call.
_inside: ContextVar[int] = ContextVar("agentlab_inside", default=0)


@contextmanager
def handling(*handlers: Handler) -> Iterator[None]:
    """Install ``handlers`` for the block, inside those already there."""
    token = _handlers.set(_handlers.get() + handlers)
    try:
        yield
    finally:
        _handlers.reset(token)


def cross(call: Call, proceed: Callable[[], T]) -> T:
    """Make ``call`` through the handlers in force.

    Raises:
        TurnCancelled: the scope in force was cancelled.
    """
    cancellation.raise_if_cancelled()
    if _inside.get() == id(call.target):
        return proceed()

    def perform() -> T:
        token = _inside.set(id(call.target))
        try:
            return proceed()
        finally:
            _inside.reset(token)

    step: Callable[[], Any] = perform
    for handler in reversed(_handlers.get()):
        step = functools.partial(handler.call, call, step)
    return cast(T, step())


async def across(call: Call, proceed: Callable[[], Awaitable[T]]) -> T:
    """:func:`cross` for coroutines."""
    cancellation.raise_if_cancelled()
    if _inside.get() == id(call.target):
        return await proceed()

    async def perform() -> T:
        token = _inside.set(id(call.target))
        try:
            return await proceed()
        finally:
            _inside.reset(token)

    step: Callable[[], Awaitable[Any]] = perform
    for handler in reversed(_handlers.get()):
        step = functools.partial(handler.acall, call, step)
    return cast(T, await step())


def cross_stream(call: Call, proceed: Callable[[], Iterator[T]]) -> Iterator[T]:
    """Make the streaming ``call`` through the handlers in force; looks for cancel at each chunk."""
    step: Callable[[], Iterator[Any]] = proceed
    if _inside.get() != id(call.target):
        for handler in reversed(_handlers.get()):
            step = functools.partial(handler.stream, call, step)
    cancellation.raise_if_cancelled()
    for chunk in step():
        yield chunk
        cancellation.raise_if_cancelled()


async def across_stream(call: Call, proceed: Callable[[], AsyncIterator[T]]) -> AsyncIterator[T]:
    """:func:`cross_stream` for asynchronous iterators."""
    step: Callable[[], AsyncIterator[Any]] = proceed
    if _inside.get() != id(call.target):
        for handler in reversed(_handlers.get()):
            step = functools.partial(handler.astream, call, step)
    cancellation.raise_if_cancelled()
    async for chunk in step():
        yield chunk
        cancellation.raise_if_cancelled()


def recordable(obj: T) -> T:
    """``obj``, made to cross the boundary: a chat model, embeddings, retriever or tool.

    The result is a shallow copy whose class is a subclass of ``obj``'s, so everything the object
    can do still works and ``isinstance`` still holds. Asking again returns the same object.

    Raises:
        TypeError: ``obj`` is none of LangChain's kinds.
    """
    from agentlab._crossings import crossing_of

    return crossing_of(obj)
