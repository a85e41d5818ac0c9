"""Loading in a thread of its own, so that it can be stopped.

Python runs signal handlers in the main thread, between two steps of Python. While llama.cpp loads,
those are inside its callbacks (its log), and an error raised there is printed and lost: Ctrl-C
would do nothing. So the main thread waits, and llama.cpp calls back into another one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import nullcontext
from typing import TypeVar

from agentlab import cancellation

T = TypeVar("T")


def interruptible(work: Callable[[threading.Event], T]) -> T:
    """What ``work`` returns or raises. Its argument is set when it should stop.

    Raises:
        TurnCancelled: by ``work``, where the scope in force was cancelled.
        KeyboardInterrupt: once ``work`` has ended.
    """
    stop = threading.Event()
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(work(stop))
        except BaseException as error:  # noqa: BLE001 - raised where it was asked for
            outcome.set_exception(error)

    thread = threading.Thread(target=run, name="agentlab-loading", daemon=True)
    scope = cancellation.current()
    with nullcontext() if scope is None else scope.listening(stop.set):
        thread.start()
        try:
            thread.join()
        except BaseException:
            stop.set()
            thread.join()
            raise
    return outcome.result()
