"""The one place that every call to a model, tool, retriever, embedder or clock crosses.

:func:`recordable` makes any LangChain object cross it; all loaders return such objects. While no
handler is installed, crossing costs one context-variable lookup. :func:`handling` installs one::

    with handling(Recorder(...)):
        chain.invoke(...)        # the recorder sees every call, in invoke, stream, batch and async

The outermost handler is the one installed first. Code that needs the time, a random number or a
fresh identifier asks :mod:`agentlab.clock`, which crosses here too.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, closing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar, cast, runtime_checkable

from agentlab import cancellation

T = TypeVar("T")
Kind = Literal["model", "embed", "rerank", "retrieve", "tool", "clock"]


@dataclass(frozen=True, slots=True)
class Call:
    """One call at the boundary: what is called, and with what.

    ``arguments`` are by parameter name; those without one come under ``0``, ``1``, …
    """

    kind: Kind
    target: Any
    method: str
    arguments: Mapping[str, Any]


@runtime_checkable
class Reranker(Protocol):
    """What scores texts against a query. LangChain's cross encoders and compressors cross too."""

    def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        """One score a text, higher is better."""
        ...


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
# The calls that are being made, outermost first. A `_generate` built on the same model's `_stream`
# is one call; a tool that asks a model is two.
_enclosing: ContextVar[tuple[Call, ...]] = ContextVar("agentlab_enclosing", default=())


@contextmanager
def handling(*handlers: Handler) -> Iterator[None]:
    """Install ``handlers`` for the block, inside those already there."""
    token = _handlers.set(_handlers.get() + handlers)
    try:
        yield
    finally:
        _handlers.reset(token)


def handlers() -> tuple[Handler, ...]:
    """The handlers in force, outermost first."""
    return _handlers.get()


def enclosing() -> tuple[Call, ...]:
    """The calls in whose bodies this code runs, outermost first. Kept while a handler is there."""
    return _enclosing.get()


def _handlers_for(target: Any) -> tuple[Handler, ...]:
    handlers = _handlers.get()
    if handlers and any(call.target is target for call in _enclosing.get()):
        return ()
    return handlers


def cross(call: Call, proceed: Callable[[], T]) -> T:
    """Make ``call`` through the handlers in force.

    Raises:
        TurnCancelled: the scope in force was cancelled.
    """
    cancellation.raise_if_cancelled()
    handlers = _handlers_for(call.target)
    if not handlers:
        return proceed()

    def perform() -> T:
        token = _enclosing.set((*_enclosing.get(), call))
        try:
            return proceed()
        finally:
            _enclosing.reset(token)

    step: Callable[[], Any] = perform
    for handler in reversed(handlers):
        step = functools.partial(handler.call, call, step)
    return cast(T, step())


async def across(call: Call, proceed: Callable[[], Awaitable[T]]) -> T:
    """:func:`cross` for coroutines."""
    cancellation.raise_if_cancelled()
    handlers = _handlers_for(call.target)
    if not handlers:
        return await proceed()

    async def perform() -> T:
        token = _enclosing.set((*_enclosing.get(), call))
        try:
            return await proceed()
        finally:
            _enclosing.reset(token)

    step: Callable[[], Awaitable[Any]] = perform
    for handler in reversed(handlers):
        step = functools.partial(handler.acall, call, step)
    return cast(T, await step())


def cross_stream(call: Call, proceed: Callable[[], Iterator[T]]) -> Iterator[T]:
    """Make the streaming ``call`` through the handlers in force; looks for cancel at each chunk."""
    handlers = _handlers_for(call.target)

    def perform() -> Iterator[T]:
        # A generator runs in its reader's context: the mark must be off whenever it is not running.
        chunks: Iterator[T] | None = None
        try:
            while True:
                token = _enclosing.set((*_enclosing.get(), call))
                try:
                    chunks = iter(proceed()) if chunks is None else chunks
                    chunk = next(chunks)
                except StopIteration:
                    return
                finally:
                    _enclosing.reset(token)
                yield chunk
        finally:
            if chunks is not None and hasattr(chunks, "close"):
                chunks.close()

    step: Callable[[], Iterator[Any]] = perform if handlers else proceed
    for handler in reversed(handlers):
        step = functools.partial(handler.stream, call, step)
    cancellation.raise_if_cancelled()
    with _closing(step()) as chunks:
        for chunk in chunks:
            yield chunk
            cancellation.raise_if_cancelled()


async def across_stream(call: Call, proceed: Callable[[], AsyncIterator[T]]) -> AsyncIterator[T]:
    """:func:`cross_stream` for asynchronous iterators."""
    handlers = _handlers_for(call.target)

    async def perform() -> AsyncIterator[T]:
        chunks: AsyncIterator[T] | None = None
        try:
            while True:
                token = _enclosing.set((*_enclosing.get(), call))
                try:
                    chunks = aiter(proceed()) if chunks is None else chunks
                    chunk = await anext(chunks)
                except StopAsyncIteration:
                    return
                finally:
                    _enclosing.reset(token)
                yield chunk
        finally:
            if chunks is not None and hasattr(chunks, "aclose"):
                await chunks.aclose()

    step: Callable[[], AsyncIterator[Any]] = perform if handlers else proceed
    for handler in reversed(handlers):
        step = functools.partial(handler.astream, call, step)
    cancellation.raise_if_cancelled()
    async with _aclosing(step()) as chunks:
        async for chunk in chunks:
            yield chunk
            cancellation.raise_if_cancelled()


def _closing(chunks: Any) -> Any:
    """Close a generator with its reader; a plain iterator has nothing to close."""
    return closing(chunks) if hasattr(chunks, "close") else _Plain(chunks)


def _aclosing(chunks: Any) -> Any:
    return aclosing(chunks) if hasattr(chunks, "aclose") else _Plain(chunks)


class _Plain:
    def __init__(self, chunks: Any) -> None:
        self._chunks = chunks

    def __enter__(self) -> Any:
        return self._chunks

    async def __aenter__(self) -> Any:
        return self._chunks

    def __exit__(self, *_: object) -> None: ...

    async def __aexit__(self, *_: object) -> None: ...


def recordable(obj: T) -> T:
    """``obj``, made to cross the boundary: a chat model, embeddings, retriever, reranker or tool.

    The result is a shallow copy whose class is a subclass of ``obj``'s, so everything the object
    can do still works and ``isinstance`` still holds. Asking again returns the same object. Of a
    Runnable made of others (a binding, a sequence, a fallback) every part that can cross does.

    Raises:
        TypeError: ``obj`` is none of LangChain's kinds.
    """
    from agentlab._crossings import crossing_of

    return crossing_of(obj)
