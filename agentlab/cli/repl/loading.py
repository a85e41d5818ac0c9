"""Loading a model's weights before they are needed."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from agentlab.cancellation import Cancellation

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.language_models import BaseChatModel

POLL = 0.05  # seconds; how late a Ctrl-C is noticed


class Loading:
    """Loads ``model`` in a thread. An error is not told here: the first question meets it again."""

    def __init__(self, model: BaseChatModel) -> None:
        self._model: BaseChatModel | None = model
        self._lock = threading.Lock()
        self._begun = False
        self._ended = threading.Event()
        self.context_length: int | None = None
        self.on_end: Callable[[], None] = _nothing

    def start(self) -> None:
        """Begin, if it has not begun."""
        with self._lock:
            if not self._begun:
                self._begun = True
                threading.Thread(target=self._load, name="agentlab-load", daemon=True).start()

    @property
    def running(self) -> bool:
        """Whether the model is being loaded now."""
        return self._begun and not self._ended.is_set()

    def wait(self, scope: Cancellation | None = None) -> None:
        """Wait for the end, which Ctrl-C cuts short.

        Raises:
            TurnCancelled: ``scope`` was cancelled.
        """
        self.start()
        while not self._ended.wait(POLL):
            if scope is not None:
                scope.raise_if_cancelled()

    def _load(self) -> None:
        from agentlab.models import context_length

        model, self._model = self._model, None  # one that was replaced meanwhile can be freed
        with contextlib.suppress(Exception):
            self.context_length = None if model is None else context_length(model)
        del model
        self._ended.set()
        self.on_end()


def _nothing() -> None:
    return None
