"""One answer: waited for, shown as it comes, stopped by Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing

from agentlab.cancellation import Cancellation
from agentlab.cli.console import Console
from agentlab.cli.interrupts import interruptible
from agentlab.cli.repl.chat import Chat
from agentlab.cli.repl.rendering import TurnWriter
from agentlab.events import Event

_PATIENCE = 0.4  # seconds before the wait for a model is explained

Ask = Callable[[], Generator[Event]]


def answer(
    chat: Chat,
    ask: Ask,
    console: Console,
    *,
    markdown: bool = False,
    also: Callable[[Event], None] | None = None,
) -> TurnWriter:
    """Show the events of ``ask()``, or give them to ``also`` in place of showing them.

    Raises:
        TurnCancelled: Ctrl-C; what had come is in the session.
        AgentLabError: whatever the answer failed with; likewise.
    """
    with interruptible() as scope:
        _wait(chat, scope, console)
        writer = TurnWriter(console, markdown=markdown)
        try:
            with closing(ask()) as events:
                for event in events:
                    (also or writer.hear)(event)
        finally:
            writer.close()
    return writer


def loaded(chat: Chat, console: Console) -> None:
    """Wait until the model is loaded.

    Raises:
        TurnCancelled: Ctrl-C.
    """
    with interruptible() as scope:
        _wait(chat, scope, console)


def _wait(chat: Chat, scope: Cancellation, console: Console) -> None:
    """Wait until the model is loaded; here Ctrl-C is heard, inside llama.cpp it would not be."""
    chat.loading.start()
    begun = time.monotonic()
    while chat.loading.running and time.monotonic() - begun < _PATIENCE:
        scope.wait(0.02)
        scope.raise_if_cancelled()
    if chat.loading.running:
        if console.interactive:
            console.note(f"loading {chat.spec} …", style="dim")
        chat.loading.wait(scope)
