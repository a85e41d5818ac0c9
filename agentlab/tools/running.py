"""Running a tool within its time, and stopping it: at the limit, or when the run is cancelled.

Python cannot kill a thread. A tool that is late is raised an exception inside, which ends loops and
computations in Python; one that hangs in a C call (a socket, a sleep) is left behind in a daemon
thread whose result nobody reads. A tool that must be killed for certain runs in a process:
:mod:`agentlab.tools.isolated`.
"""

from __future__ import annotations

import asyncio
import contextvars
import ctypes
import queue
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar, cast

from agentlab.cancellation import current, raise_if_cancelled
from agentlab.errors import ToolError, TurnCancelled

T = TypeVar("T")
_RAISED_ON = (Exception, TurnCancelled, KeyboardInterrupt, SystemExit)


class _Stopped(BaseException):
    """Raised inside a worker thread that nobody waits for any more."""


class Job(Generic[T]):
    """``work`` in a daemon thread, in a copy of this context. ``stop`` ends it from outside."""

    def __init__(self, work: Callable[[], T], stop: Callable[[], None] | None = None) -> None:
        self._work = work
        self._stop = stop
        self._result: T | None = None
        self._error: BaseException | None = None
        self._done = False
        self._abandoned = False
        self._when_done: Callable[[], None] = lambda: None
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._perform,), name="agentlab-tool", daemon=True
        )

    def start(self, when_done: Callable[[], None]) -> None:
        """Begin; ``when_done`` is called from the thread at the end, unless it was stopped."""
        self._when_done = when_done
        self._thread.start()

    def _perform(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:  # noqa: BLE001 - handed to the waiting thread
            self._error = error
        self._done = True
        if not self._abandoned:
            self._when_done()

    @property
    def done(self) -> bool:
        """Whether the work has ended."""
        return self._done

    def result(self) -> T:
        """What the work returned; raises what it raised.

        What is no Exception and ends the work alone (a cancelled future) is a ToolError: raised
        here it would cancel the run.
        """
        if self._error is not None:
            if isinstance(self._error, _RAISED_ON):
                raise self._error
            raise _ended(self._error) from self._error
        return cast(T, self._result)

    def stop(self) -> None:
        """Give the work up: see the module's text."""
        self._abandoned = True
        if self._stop is not None:
            self._stop()
        elif self._thread.ident is not None and not self._done:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._thread.ident), ctypes.py_object(_Stopped)
            )


def run(job: Job[T], name: str, seconds: float) -> T:
    """Run ``job`` and wait for it, at most ``seconds``.

    Raises:
        ToolError: it was too late.
        TurnCancelled: the scope in force was cancelled.
    """
    # A queue, as an Event's lock could be held by this very thread when a signal handler sets it.
    wake: queue.SimpleQueue[None] = queue.SimpleQueue()
    with _on_cancel(lambda: wake.put(None)):
        job.start(lambda: wake.put(None))
        try:
            wake.get(timeout=seconds)
        except queue.Empty:
            job.stop()
            raise _too_late(name, seconds) from None
        except BaseException:
            job.stop()
            raise
    if not job.done:
        job.stop()
        raise_if_cancelled()
    return job.result()


async def arun(job: Job[T], name: str, seconds: float) -> T:
    """:func:`run`, without holding up the event loop."""
    loop = asyncio.get_running_loop()
    wake = asyncio.Event()

    def set_wake() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(wake.set)

    with _on_cancel(set_wake):
        job.start(set_wake)
        try:
            async with asyncio.timeout(seconds):
                await wake.wait()
        except TimeoutError:
            job.stop()
            raise _too_late(name, seconds) from None
        except BaseException:
            job.stop()
            raise
    if not job.done:
        job.stop()
        raise_if_cancelled()
    return job.result()


async def arun_coroutine(work: Awaitable[T], name: str, seconds: float) -> T:
    """Await ``work``, at most ``seconds``. It runs in this loop and must not block it."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(_contained(work))
    wake = asyncio.Event()
    cancelled = asyncio.ensure_future(wake.wait())

    def notice() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(wake.set)

    with _on_cancel(notice):
        try:
            await asyncio.wait(
                {task, cancelled}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            if not task.done():
                task.cancel()
            cancelled.cancel()
    if task.done():
        return _outcome_of(task)
    raise_if_cancelled()
    raise _too_late(name, seconds)


async def _contained(work: Awaitable[T]) -> T:
    try:
        return await work
    except SystemExit as error:  # a task would end the loop with it
        raise _ended(error) from error


def _outcome_of(task: asyncio.Future[T]) -> T:
    try:
        return task.result()
    except _RAISED_ON:
        raise
    except BaseException as error:
        raise _ended(error) from error


def run_coroutine(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end in a loop of its own: for tools that only have an async form."""
    return asyncio.run(make())


def _ended(error: BaseException) -> ToolError:
    return ToolError(
        f"the tool ended itself with {type(error).__name__}",
        hint="change the arguments, or go on without it",
    )


def _too_late(name: str, seconds: float) -> ToolError:
    return ToolError(
        f"{name} gave no answer within {seconds:g} seconds and was stopped",
        hint="try a smaller request, or go on without it",
    )


@contextmanager
def _on_cancel(listener: Callable[[], None]) -> Iterator[None]:
    scope = current()
    if scope is None:
        yield
        return
    with scope.listening(listener):
        yield
