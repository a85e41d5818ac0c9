"""Counting what all models of a run use, and noting what is retrieved, by LangChain's callbacks."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import merge_configs

from agentlab.events import Retrieved, Usage


class UsageCounter(BaseCallbackHandler):
    """Sums ``usage_metadata`` over the model calls of the runs it is attached to.

    What their retrievers find waits for :meth:`take_retrieved`; those inside of another do not
    count.
    """

    # Counted in the thread of the call, so that the sum is whole when the run ends.
    run_inline = True

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began = time.perf_counter()
        self.calls = 0
        self._read = self._written = self._cached = 0
        self._asked: dict[UUID, str | None] = {}  # None for a retriever inside another
        self._retrieved: list[Retrieved] = []

    def attached_to(self, config: RunnableConfig | None) -> RunnableConfig:
        """``config`` with this counter among its callbacks."""
        return merge_configs(config, {"callbacks": [self]})

    @property
    def usage(self) -> Usage:
        """What was counted so far; the seconds run from the counter's beginning."""
        seconds = time.perf_counter() - self._began
        with self._lock:
            return Usage(self._read, self._written, self.calls, seconds, self._cached)

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        """Count the call."""
        with self._lock:
            self.calls += 1

    def on_llm_start(self, *args: Any, **kwargs: Any) -> None:
        """Count the call, of a completion model."""
        with self._lock:
            self.calls += 1

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        """Add the tokens that the answer says were read and written."""
        for generations in response.generations:
            for generation in generations:
                if not isinstance(generation, ChatGeneration):
                    continue
                usage = getattr(generation.message, "usage_metadata", None)
                if usage:
                    with self._lock:
                        self._read += usage["input_tokens"]
                        self._written += usage["output_tokens"]
                        details = usage.get("input_token_details") or {}
                        self._cached += details.get("cache_read") or 0

    def take_retrieved(self) -> list[Retrieved]:
        """What was found since this was asked last."""
        with self._lock:
            found, self._retrieved = self._retrieved, []
        return found

    def on_retriever_start(
        self,
        serialized: dict[str, Any],
        query: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> None:
        """Note the question."""
        with self._lock:
            self._asked[run_id] = None if parent_run_id in self._asked else query

    def on_retriever_end(
        self, documents: Sequence[Document], *, run_id: UUID, **kwargs: Any
    ) -> None:
        """Note what was found."""
        found = tuple({**d.metadata, "id": d.id, "text": d.page_content} for d in documents)
        with self._lock:
            query = self._asked.pop(run_id, None)
            if query is not None:
                self._retrieved.append(Retrieved(query, found))

    def on_retriever_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Forget the question."""
        with self._lock:
            self._asked.pop(run_id, None)
