"""Ctrl-C: the first press cancels what runs, the second ends the process."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from agentlab.cancellation import Cancellation, cancellable
from agentlab.errors import TurnCancelled


@contextmanager
def interruptible() -> Iterator[Cancellation]:
    """Run the block under a scope that Ctrl-C cancels, so that a model stops at its next token.

    Outside such blocks Ctrl-C is Python's KeyboardInterrupt. Only for the main thread.
    """
    presses = 0

    def on_interrupt(_signal: int, _frame: FrameType | None) -> None:
        nonlocal presses
        presses += 1
        if presses > 1:
            os._exit(TurnCancelled.exit_code)
        # In a thread: this one may be holding the lock that cancel() takes.
        threading.Thread(target=scope.cancel, daemon=True).start()
        if sys.stderr.isatty():
            os.write(sys.stderr.fileno(), b"\nstopping (Ctrl-C again to end at once)\n")

    with cancellable() as scope:
        before = signal.signal(signal.SIGINT, on_interrupt)
        try:
            yield scope
        finally:
            signal.signal(signal.SIGINT, before)
