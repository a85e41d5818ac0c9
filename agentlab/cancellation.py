"""Stopping a run from outside: one flag that everything slow looks at.

A generator that is closed early is drained by LangChain's sequences, and a signal surfaces only
when the call below it returns. So whoever may want to stop opens a scope, and the engine, the
boundary and the tools look at the scope they run under::

    with cancellable() as scope:
        signal.signal(signal.SIGINT, lambda *_: scope.cancel())
        chain.invoke(...)            # raises TurnCancelled within a token
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import Context, ContextVar, copy_context

from agentlab.errors import TurnCancelled


class Cancellation:
    """A flag that can be raised once, from any thread or signal handler."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._listeners: list[Callable[[], None]] = []

    @property
    def cancelled(self) -> bool:
        """Whether :meth:`cancel` was called."""
        return self._event.is_set()

    def cancel(self) -> None:
        """Raise the flag. Calling it again does nothing."""
        if not self._event.is_set():
            self._event.set()
            for listener in tuple(self._listeners):
                listener()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the flag is raised; False when ``timeout`` seconds passed first."""
        return self._event.wait(timeout)

    def raise_if_cancelled(self) -> None:
        """Raise :class:`~agentlab.errors.TurnCancelled` when the flag is up."""
        if self._event.is_set():
            raise TurnCancelled

    @contextmanager
    def listening(self, listener: Callable[[], None]) -> Iterator[None]:
        """Call ``listener`` on cancel, while in the block; at once if it was cancelled before."""
        self._listeners.append(listener)
        try:
            if self.cancelled:
                listener()
            yield
        finally:
            self._listeners.remove(listener)


_current: ContextVar[Cancellation | None] = ContextVar("agentlab_cancellation", default=None)


def current() -> Cancellation | None:
    """The scope this code runs under, if any. LangChain's thread pools and tasks inherit it."""
    return _current.get()


def raise_if_cancelled() -> None:
    """Raise :class:`~agentlab.errors.TurnCancelled` when the scope in force was cancelled."""
    scope = _current.get()
    if scope is not None:
        scope.raise_if_cancelled()


@contextmanager
def cancellable(scope: Cancellation | None = None) -> Iterator[Cancellation]:
    """Run the block under ``scope`` (a new one by default)."""
    scope = scope or Cancellation()
    token = _current.set(scope)
    try:
        yield scope
    finally:
        _current.reset(token)


@contextmanager
def child() -> Iterator[tuple[Cancellation, Context]]:
    """A scope under the one in force, and a context to run things in that stops with it.

    A generator cannot hold a scope open while it is suspended: its reader would run under the
    scope too. So it runs what it drives by ``context.run(...)``. The scope is cancelled when the
    one in force is, and when the block is left by an exception, a closed generator's included.
    """
    outer = _current.get()
    scope = Cancellation()
    context = copy_context()
    context.run(_current.set, scope)
    with outer.listening(scope.cancel) if outer is not None else nullcontext():
        try:
            yield scope, context
        except BaseException:
            scope.cancel()
            raise
