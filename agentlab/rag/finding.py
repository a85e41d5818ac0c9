"""How an answer comes by its documents: from a retriever, or from a technique that has a plan."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing, closing
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig

from agentlab.events import Answer, Event, Retrieved, Token, Usage


class Finding:
    """The search for one question; what came of it is there once its events were read.

    ``documents`` are whatever the retriever gave. ``answer`` is a text where a technique needs no
    documents for it. ``joint``: they answer only together.
    """

    def __init__(
        self, retriever: Runnable[Any, Any], question: str, history: Sequence[BaseMessage]
    ) -> None:
        self._retriever = retriever
        self._question = question
        self._history = history
        self._plans = bool(getattr(retriever, "plans", False))
        self._found: Any = None
        self._told = ""
        self.documents: Any = None
        self.answer: str | None = None
        self.joint = False

    def events(self, config: RunnableConfig) -> Generator[Event, None, None]:
        """What happens while it is searched."""
        if not self._plans:
            self.documents = self._retriever.invoke(self._question, config)
            return
        with closing(self._retriever.stream(self._said, config)) as events:  # type: ignore[type-var]
            for event in events:
                if self._is_ours(event):
                    yield event

    async def aevents(self, config: RunnableConfig) -> AsyncGenerator[Event, None]:
        """:meth:`events`, asynchronously."""
        if not self._plans:
            self.documents = await self._retriever.ainvoke(self._question, config)
            return
        async with aclosing(self._retriever.astream(self._said, config)) as events:  # type: ignore[type-var]
            async for event in events:
                if self._is_ours(event):
                    yield event

    def rest(self) -> Token:
        """What was not told yet of an answer that needed no documents."""
        answer = self.answer or ""
        return Token(answer.removeprefix(self._told))

    def of_result(self, result: dict[str, Any]) -> dict[str, Any]:
        """``result`` with the plan, and the answer where it needed no documents."""
        if not self._plans:
            return result
        found = self._found
        more = {"plan": found.plan, "routes": list(found.routes), "declined": found.declined}
        if self.answer is None:
            return {**result, **more}
        message = result["messages"][-1].model_copy(update={"content": self.answer})
        return {
            **result,
            **more,
            "answer": self.answer,
            "messages": [*result["messages"][:-1], message],
        }

    @property
    def _said(self) -> dict[str, Any]:
        return {"input": self._question, "history": list(self._history)}

    def _is_ours(self, event: Event) -> bool:
        if isinstance(event, Answer):
            self._found = event.value
            self.documents, self.answer = event.value.documents, event.value.answer
            self.joint = event.value.joint
        if isinstance(event, Token):
            self._told += event.text
        # The evidence is told once more, for the question, when it is whole.
        same = isinstance(event, Retrieved) and event.query == self._question
        return not isinstance(event, Answer | Usage) and not same
