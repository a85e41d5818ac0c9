"""The base of all memories, and the one that shows everything."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig

from agentlab.errors import ConfigError

History = Sequence[BaseMessage] | Mapping[str, Any]


class Memory(Runnable[Any, list[BaseMessage]]):
    """Chooses what a model is shown of a history; the history itself stays whole."""

    @property
    @abstractmethod
    def spec(self) -> str:
        """The memory as :func:`~agentlab.memory.parse_memory` reads it, e.g. ``"window:4"``."""

    @abstractmethod
    def view(self, history: Sequence[BaseMessage]) -> list[BaseMessage]:
        """The messages to show, a new list. No model is called."""

    def update(self, history: Sequence[BaseMessage]) -> None:
        """Prepare for a later :meth:`view` of ``history``, in the background. Returns at once.

        A session calls this when an answer has been shown.
        """

    def settle(self) -> None:
        """Wait until what :meth:`update` began has ended."""

    def warnings(self) -> list[str]:
        """What went wrong in the background since the last call."""
        return []

    def state(self) -> dict[str, Any]:
        """What :meth:`update` has made, as plain values, to be stored with the conversation."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a :meth:`state` again; one that does not fit is ignored."""

    def invoke(
        self, input: History, config: RunnableConfig | None = None, **kwargs: Any
    ) -> list[BaseMessage]:
        """The view of ``input``: a history, or a mapping that has one under ``history``.

        Raises:
            ConfigError: ``input`` is neither.
        """
        return self._call_with_config(self._viewed, input, config)

    def _viewed(self, input: History) -> list[BaseMessage]:
        return self.view(history_of(input))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.spec!r})"


def history_of(input: Any) -> list[BaseMessage]:
    """The messages in ``input``: a list of messages, or a mapping with the key ``history``.

    Raises:
        ConfigError: ``input`` is neither.
    """
    history = input.get("history", []) if isinstance(input, Mapping) else input
    if isinstance(history, Sequence) and all(isinstance(m, BaseMessage) for m in history):
        return list(history)
    raise ConfigError(
        f"a memory reads a list of messages, not {type(history).__name__}",
        hint='give it messages, or a mapping with them under "history"',
    )


class BufferMemory(Memory):
    """Shows everything. A history that does not fit raises the model's ``ContextOverflow``."""

    @property
    def spec(self) -> str:
        return "buffer"

    def view(self, history: Sequence[BaseMessage]) -> list[BaseMessage]:
        return list(history)
