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
        self._model = model
        self._thread: threading.Thread | None = None
        self.context_length: int | None = None
        self.on_end: Callable[[], None] = _nothing

    def start(self) -> None:
        """Begin, if it has not begun."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._load, name="agentlab-load", daemon=True)
            self._thread.start()

    @property
    def running(self) -> bool:
        """Whether the model is being loaded now."""
        return self._thread is not None and self._thread.is_alive()

    def wait(self, scope: Cancellation | None = None) -> None:
        """Wait for the end, which Ctrl-C cuts short.

        Raises:
            TurnCancelled: ``scope`` was cancelled.
        """
        self.start()
        assert self._thread is not None
        while self._thread.is_alive():
            if scope is not None:
                scope.raise_if_cancelled()
            self._thread.join(POLL)

    def _load(self) -> None:
        from agentlab.models import context_length

        with contextlib.suppress(Exception):
            self.context_length = context_length(self._model)
        self._model = None  # type: ignore[assignment]  # a model that was replaced can be freed
        self.on_end()


def _nothing() -> None:
    return None
