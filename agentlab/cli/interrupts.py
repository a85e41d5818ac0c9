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
    # The thread that cancels is there before a press: none can be started in the handler, since
    # this one may be holding the locks that starting or cancelling takes. Releasing takes none.
    pressed = threading.Lock()
    pressed.acquire()

    def cancel_once_pressed() -> None:
        pressed.acquire()
        if presses:
            scope.cancel()

    def on_interrupt(_signal: int, _frame: FrameType | None) -> None:
        nonlocal presses
        presses += 1
        if presses > 1:
            os._exit(TurnCancelled.exit_code)
        pressed.release()
        if sys.stderr.isatty():
            os.write(sys.stderr.fileno(), b"\nstopping (Ctrl-C again to end at once)\n")

    with cancellable() as scope:
        before = signal.signal(signal.SIGINT, on_interrupt)
        try:
            threading.Thread(target=cancel_once_pressed, daemon=True).start()
            yield scope
        finally:
            signal.signal(signal.SIGINT, before)
            if not presses:
                pressed.release()  # ends the thread
