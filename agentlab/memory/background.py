"""Work that is done while nobody waits for it."""

from __future__ import annotations

import atexit
import contextlib
import contextvars
import threading
import weakref
from collections.abc import Callable

from agentlab.cancellation import Cancellation, cancellable
from agentlab.errors import TurnCancelled

_STOP_SECONDS = 5.0


class Background:
    """One thread for one piece of work at a time; of those waiting, only the newest is kept.

    Work runs in a copy of the context it was submitted from, so the handlers at the boundary see
    its calls, and under a cancellation scope of its own: stopping an answer does not stop it. It
    is stopped when the interpreter exits.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._waiting: tuple[contextvars.Context, Callable[[], None]] | None = None
        self._thread: threading.Thread | None = None
        self._scope = Cancellation()
        _running.add(self)

    def submit(self, work: Callable[[], None]) -> None:
        """Run ``work``, which must not raise, when what runs now has ended."""
        with self._lock:
            self._waiting = (contextvars.copy_context(), work)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def settle(self) -> None:
        """Wait until nothing runs and nothing waits."""
        while (thread := self._thread) is not None:
            thread.join()

    def stop(self) -> None:
        """Drop what waits and cancel what runs."""
        with self._lock:
            self._waiting = None
            self._scope.cancel()
            thread = self._thread
        if thread is not None:
            thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._waiting is None:
                    self._thread = None
                    return
                (context, work), self._waiting = self._waiting, None
                self._scope = Cancellation()
            context.run(self._perform, work)

    def _perform(self, work: Callable[[], None]) -> None:
        with cancellable(self._scope), contextlib.suppress(TurnCancelled):
            work()


_running: weakref.WeakSet[Background] = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    for background in tuple(_running):
        background.stop()
