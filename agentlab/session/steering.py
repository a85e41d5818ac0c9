"""Running a stream so that it can be stopped, and leaves no trace in its caller's context."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterable, Iterator
from typing import Any, TypeVar

from agentlab import cancellation
from agentlab.cancellation import Cancellation, cancellable
from agentlab.untrusted import Noted, among, sources_around

T = TypeVar("T")


class Steering:
    """Runs a stream in a context of its own, under a scope that ends with it.

    A generator shares its caller's context, so a scope entered inside it would leak out between
    two pieces. And LangChain drains a sequence that is closed early, so the scope is cancelled
    first. Cancelling the caller's own scope cancels this one.

    ``sources`` are those of the conversation that the stream answers in.
    """

    def __init__(self, sources: Iterable[str] = ()) -> None:
        self._scope = Cancellation()
        self._context = contextvars.copy_context()
        self._sources = [*sources_around(), *sources]
        self._noted: Noted = {}
        self._exits = contextlib.ExitStack()

    def found(self) -> list[str]:
        """What the answer is made from so far, beside the sources that were known before."""
        return [name for name in tuple(self._noted) if name not in self._sources]

    def iterate(self, start: Callable[[], Iterator[T]]) -> Generator[T]:
        """The pieces of the iterator that ``start`` makes."""
        end = object()
        with self._steered():
            items = self._context.run(start)
            try:
                while (item := self._context.run(next, items, end)) is not end:
                    yield item  # type: ignore[misc]
            except BaseException:
                self._scope.cancel()
                with contextlib.suppress(BaseException):
                    self._context.run(getattr(items, "close", _nothing))
                raise

    async def aiterate(self, start: Callable[[], AsyncIterator[T]]) -> AsyncGenerator[T]:
        """The same for an asynchronous iterator."""
        end = object()
        with self._steered():
            items = self._context.run(start)
            try:
                while (item := await self._task(_next(items, end))) is not end:
                    yield item
            except BaseException:
                self._scope.cancel()
                close = getattr(items, "aclose", None)
                if close is not None:
                    with contextlib.suppress(BaseException):
                        await self._task(close())
                raise

    def _task(self, coroutine: Any) -> asyncio.Task[Any]:
        return asyncio.get_running_loop().create_task(coroutine, context=self._context)

    @contextlib.contextmanager
    def _steered(self) -> Iterator[None]:
        outer = cancellation.current()
        with contextlib.ExitStack() as exits:
            if outer is not None:
                exits.enter_context(outer.listening(self._scope.cancel))
            self._context.run(self._exits.enter_context, cancellable(self._scope))
            self._context.run(self._exits.enter_context, among(self._sources, self._noted))
            exits.callback(self._context.run, self._exits.close)
            yield


def _nothing() -> None:
    return None


async def _next(items: AsyncIterator[Any], end: object) -> Any:
    return await anext(items, end)
