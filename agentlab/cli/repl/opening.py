"""Opening a chat in the background: its imports take a second, and the prompt need not wait."""

from __future__ import annotations

import threading
from collections.abc import Callable

from agentlab.cli.repl.chat import Chat, Options
from agentlab.cli.repl.loading import POLL


class Opening:
    """Opens a chat in a thread, then loads its model.

    ``on_change`` is called, in the thread, when the chat is there, when its model is loaded, and
    with the error when it could not be opened.
    """

    def __init__(
        self, options: Options, on_change: Callable[[BaseException | None], None] = lambda _: None
    ) -> None:
        self._options = options
        self._on_change = on_change
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._begun = False
        self._error: BaseException | None = None
        self.chat: Chat | None = None

    def start(self) -> None:
        """Begin, if it has not begun."""
        with self._lock:
            if not self._begun:
                self._begun = True
                threading.Thread(target=self._run, name="agentlab-open", daemon=True).start()

    def result(self) -> Chat:
        """The chat, waited for.

        Raises:
            AgentLabError: it could not be opened.
        """
        self.start()
        while not self._done.wait(POLL):
            pass
        if self._error is not None:
            raise self._error
        assert self.chat is not None
        return self.chat

    def replace(self, chat: Chat) -> None:
        """Go on with another chat."""
        self.chat = chat
        self._load(chat)

    def _run(self) -> None:
        try:
            # Before other threads begin: two that import its parts at once can see half of one.
            import agentlab.recording  # noqa: F401

            self.chat = Chat.open(self._options)
        except BaseException as error:  # noqa: BLE001 - it is raised where the chat is asked for
            self._error = error
        self._done.set()
        self._on_change(self._error)
        if self.chat is not None:
            self._load(self.chat)

    def _load(self, chat: Chat) -> None:
        chat.loading.on_end = lambda: self._on_change(None)
        chat.loading.start()
