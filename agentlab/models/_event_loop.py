"""One event loop, in a thread of its own, that makes all calls to hosted models.

A thread that waits in a socket cannot be stopped; a task on an event loop can, and its connection
is closed at once, so the server stops as well. Hence the synchronous and the asynchronous calls
both go through this loop. Connections also outlive the caller's loop: ``asyncio.run`` may come and
go. Context variables of the caller hold in what runs here.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from agentlab import cancellation

T = TypeVar("T")
_END = object()

_lock = threading.RLock()  # a signal handler that cancels may come while it is held
_loop: asyncio.AbstractEventLoop | None = None
_open: dict[int, AsyncIterator[Any]] = {}
_owner = 0  # the process that started the loop: a forked child has no such thread


def _running_loop() -> asyncio.AbstractEventLoop:
    global _loop, _owner
    with _lock:
        if _loop is None or _owner != os.getpid():
            _loop, _owner = asyncio.new_event_loop(), os.getpid()
            thread = threading.Thread(target=_serve, args=(_loop,), name="agentlab-hosted")
            thread.daemon = True
            thread.start()
            atexit.register(_stop, _loop, thread, _owner)
        return _loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
    _wind_down(loop)
    for source in list(_open.values()):  # each closes what it reads from, in the right order
        loop.run_until_complete(asyncio.gather(_close(source), return_exceptions=True))
    _wind_down(loop)
    loop.close()


def _wind_down(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel all tasks, and those that they leave behind."""
    for _ in range(8):
        loop.run_until_complete(asyncio.sleep(0))
        left = asyncio.all_tasks(loop)
        if not left:
            return
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))


def _stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread, owner: int) -> None:
    if owner == os.getpid():
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=1)


def _submit(work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
    return asyncio.run_coroutine_threadsafe(work, _running_loop())


def _cancelled_with(future: concurrent.futures.Future[T]) -> AbstractContextManager[None]:
    scope = cancellation.current()

    def cancel() -> None:
        future.cancel()

    return nullcontext() if scope is None else scope.listening(cancel)


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``, waited for in this thread.

    Raises:
        TurnCancelled: the scope in force was cancelled; ``work`` was too.
    """
    future = _submit(work)
    try:
        with _cancelled_with(future):
            return future.result()
    except concurrent.futures.CancelledError:
        cancellation.raise_if_cancelled()
        raise
    finally:
        future.cancel()


async def arun(work: Coroutine[Any, Any, T]) -> T:
    """:func:`run` for a caller on a loop of its own."""
    future = _submit(work)
    try:
        with _cancelled_with(future):
            return await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        cancellation.raise_if_cancelled()
        raise
    finally:
        future.cancel()


def iterate(make: Callable[[], AsyncIterator[T]]) -> Iterator[T]:
    """What the iterator that ``make`` gives yields; closed with this one.

    Raises:
        TurnCancelled: the scope in force was cancelled, also while waiting for the next item.
    """
    source = _begin(make)
    try:
        with _closed_with(source):
            while (item := run(_next(source))) is not _END:
                yield item
            cancellation.raise_if_cancelled()  # it may have ended because it was closed
    finally:
        _let_go(source)


async def aiterate(make: Callable[[], AsyncIterator[T]]) -> AsyncIterator[T]:
    """:func:`iterate` for a caller on a loop of its own."""
    source = _begin(make)
    try:
        with _closed_with(source):
            while (item := await arun(_next(source))) is not _END:
                yield item
            cancellation.raise_if_cancelled()  # it may have ended because it was closed
    finally:
        _let_go(source)


async def _next(source: AsyncIterator[T]) -> Any:
    return await anext(source, _END)


def _begin(make: Callable[[], AsyncIterator[T]]) -> AsyncIterator[T]:
    source = make()
    _open[id(source)] = source
    return source


def _closed_with(source: AsyncIterator[T]) -> AbstractContextManager[None]:
    """Close ``source`` on cancel also between two items, whoever still holds its reader."""
    scope = cancellation.current()
    return nullcontext() if scope is None else scope.listening(lambda: _let_go(source))


def _let_go(source: AsyncIterator[T]) -> None:
    """Close ``source``, without waiting; at the end of the process nothing is left to close."""
    _open.pop(id(source), None)
    if _loop is not None and _loop.is_running():
        _submit(_close(source))


async def _close(source: AsyncIterator[T]) -> None:
    close = getattr(source, "aclose", None)
    if close is not None:
        await close()
