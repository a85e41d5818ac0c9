"""Driving an iterator under a run's scope, and stopping it when its reader stops.

Closing LangChain's generators is not enough: a sequence that is closed reads its model to the end
first. Under a scope that is cancelled the model ends at its next token instead.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import suppress
from typing import TypeVar, cast

from langchain_core.runnables.utils import coro_with_context

from agentlab.chains.happenings import Run
from agentlab.errors import TurnCancelled

T = TypeVar("T")


def driven(iterator: Iterator[T], run: Run) -> Generator[T, None, None]:
    """The items of ``iterator``, made under the scope and in the context of ``run``."""
    while True:
        try:
            item = run.context.run(next, iterator)
        except StopIteration:
            return
        except BaseException:
            run.scope.cancel()
            raise
        try:
            yield item
        except BaseException:
            run.scope.cancel()
            _stop(iterator, run)
            raise


def _stop(iterator: Iterator[object], run: Run) -> None:
    """End ``iterator``, whose scope is cancelled.

    It is asked for one item more, so that the model raises, and the error ends all generators
    between it and us. Closing alone would leave those inside to the garbage collector, each of
    which then reads the one below it.
    """
    with suppress(TurnCancelled, StopIteration):
        run.context.run(next, iterator)
    close = getattr(iterator, "close", None)
    if close is not None:
        with suppress(TurnCancelled):
            run.context.run(close)


async def adriven(iterator: AsyncIterator[T], run: Run) -> AsyncGenerator[T, None]:
    """:func:`driven` for asynchronous iterators."""
    try:
        while True:
            try:
                item = cast(T, await coro_with_context(_next(iterator), run.context))
            except StopAsyncIteration:
                return
            yield item
    except BaseException:
        run.scope.cancel()
        raise
    finally:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            with suppress(TurnCancelled):
                await coro_with_context(close(), run.context)


async def _next(iterator: AsyncIterator[T]) -> T:
    return await anext(iterator)
