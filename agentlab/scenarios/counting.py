"""Counts of tokens, kept with a recording: a memory that counts needs its model's tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from agentlab.offline import is_offline
from agentlab.recording.hashing import digest
from agentlab.recording.messages import CallIds, normal_form

CONTEXT = "context"


class CountedModel:
    """Stands in for ``model`` where tokens are counted.

    Each count is written down in ``counts``, by what was counted, and read there in replay. What
    was never counted is estimated then: four characters a token. If that changes what the memory
    shows, the recording tells.
    """

    def __init__(self, model: Any, counts: dict[str, int]) -> None:
        self._model = model
        self._counts = counts

    @property
    def context_length(self) -> int | None:
        """The tokens the model can read and write together."""
        from agentlab.models import context_length

        if CONTEXT not in self._counts and not is_offline():
            length = context_length(self._model)
            if length is None:
                return None
            self._counts[CONTEXT] = length
        return self._counts.get(CONTEXT)

    def get_num_tokens_from_messages(self, messages: Sequence[BaseMessage]) -> int:
        """The tokens of ``messages``."""
        from agentlab.memory.counting import count_messages

        ids = CallIds()
        key = digest([normal_form(message, ids) for message in messages])
        if key in self._counts:
            return self._counts[key]
        count, _ = count_messages(None if is_offline() else self._model, messages)
        if not is_offline():
            self._counts[key] = count
        return count
