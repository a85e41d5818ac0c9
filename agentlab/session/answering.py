"""One answer: from the question in the tree to its end, whichever way it ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

from langchain_core.messages import BaseMessage

from agentlab.errors import AgentLabError, StoreError
from agentlab.events import Answer, Event, Failed
from agentlab.session.collecting import Collector
from agentlab.session.tree import Node, NodeStatus, Tree, new_id, usage_of
from agentlab.untrusted import made_from, sources_of

logger = logging.getLogger("agentlab.session")

PARTIAL_SECONDS = 1.0


class Answering:
    """Grows the answer to ``user`` in ``tree``; ``keep`` writes nodes to the store.

    The partial answer is kept every second, so a killed process leaves it behind.
    """

    def __init__(self, tree: Tree, user: Node, keep: Callable[[list[Node]], None]) -> None:
        self._tree = tree
        self._user = user
        self._keep = keep
        self._collector = Collector()
        self.found: Callable[[], list[str]] = list  # sources that the messages do not tell
        self._last_id = new_id()
        self._started = self._kept = time.monotonic()

    def take(self, item: Any) -> Iterator[Event]:
        """The events that a piece from the target makes."""
        yield from self._collector.take(item)
        if time.monotonic() - self._kept >= PARTIAL_SECONDS:
            self._kept = time.monotonic()
            try:
                self._grow(self._traced(self._collector.messages()), "running")
            except StoreError as error:
                logger.warning("a partial answer was not kept: %s", error)

    def result(self) -> list[BaseMessage]:
        """The messages of an answer that has come to its end.

        Raises:
            RunError: the target gave nothing that can be an answer.
        """
        return self._collector.result()

    def finish(self, messages: list[BaseMessage]) -> list[Event]:
        """Keep ``messages`` as the complete answer.

        Raises:
            StoreError: they could not be kept; they are in the tree all the same.
        """
        messages = self._traced(messages)
        self._grow(messages, "complete")
        return [usage_of(messages, self._seconds()), Answer(messages[-1])]

    def fail(self, error: BaseException) -> list[Event]:
        """End the answer as failed, or as stopped when ``error`` is no Exception."""
        partial = getattr(error, "partial", "")
        if isinstance(partial, str) and partial:
            self._collector.keep_partial(partial)
        failed = isinstance(error, Exception)
        messages = self._traced(self._collector.messages())
        reason = str(error) if failed else "stopped"
        marks = {"finish_reason": "error" if failed else "stopped", "incomplete": reason}
        last = messages[-1]
        last = last.model_copy(update={"response_metadata": {**last.response_metadata, **marks}})
        try:
            self._grow(
                [*messages[:-1], last], "failed" if failed else "stopped", reason if failed else ""
            )
        except StoreError as also:
            logger.warning("an incomplete answer was not kept: %s", also)
        if not failed:
            return []
        hint = error.hint if isinstance(error, AgentLabError) else ""
        return [Failed(type(error).__name__, str(error), hint, partial=last.text)]

    def _traced(self, messages: list[BaseMessage]) -> list[BaseMessage]:
        """``messages``, the last marked by what the answer was made from besides."""
        known = sources_of(messages)
        unknown = [name for name in self.found() if name not in known]
        return [*messages[:-1], made_from(messages[-1], unknown)]

    def _grow(self, messages: list[BaseMessage], status: NodeStatus, error: str = "") -> None:
        """Put ``messages`` below the question; the last keeps its id while it grows."""
        nodes: list[Node] = []
        parent = self._user.id
        for message in messages[:-1]:
            nodes.append(Node(message, parent))
            parent = nodes[-1].id
        last = Node(messages[-1], parent, status, error, self._seconds(), id=self._last_id)
        if status == "running":  # earlier messages are kept with the end of the answer
            last.parent, nodes = self._user.id, []
            last.message = made_from(last.message, sources_of(messages))  # their sources are now
        for node in [*nodes, last]:
            self._tree.add(node)
        self._keep([*nodes, last])

    def _seconds(self) -> float:
        return round(time.monotonic() - self._started, 3)
