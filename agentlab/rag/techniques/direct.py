"""An answer without documents: a model that is only talked to."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig

from agentlab.events import Answer, Event, Token
from agentlab.prompts import load_prompt
from agentlab.prompts.settings import configured

PROMPT = "chat"
_MOST = 400  # tokens: a remark is answered in a few sentences


class Direct(Runnable[Any, Any]):
    """What ``target`` says to ``{"input", "history"}``, as a text; streamed as ``Token`` events.

    A bare chat model is given the messages.
    """

    takes_history = True

    def __init__(self, target: Runnable[Any, Any], *, bare: bool = False) -> None:
        self._target = target
        self._bare = bare

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> str:
        """The text."""
        value = self._target.invoke(self._given(input), config)
        return str(getattr(value, "text", value))

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> str:
        """:meth:`invoke`, asynchronously."""
        value = await self._target.ainvoke(self._given(input), config)
        return str(getattr(value, "text", value))

    def stream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Generator[Event, None, None]:
        """The pieces, then the whole."""
        told = []
        for chunk in self._target.stream(self._given(input), config):
            if text := str(getattr(chunk, "text", chunk)):
                told.append(text)
                yield Token(text)
        yield Answer("".join(told))

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncGenerator[Event, None]:
        """:meth:`stream`, asynchronously."""
        told = []
        async for chunk in self._target.astream(self._given(input), config):
            if text := str(getattr(chunk, "text", chunk)):
                told.append(text)
                yield Token(text)
        yield Answer("".join(told))

    def _given(self, said: Any) -> Any:
        return [*said["history"], HumanMessage(said["input"])] if self._bare else said


def direct_of(
    model: BaseChatModel | Runnable[Any, Any], *, max_tokens: int | None = _MOST
) -> Direct:
    """The answer of ``model`` to what needs no documents; a short one, but for ``max_tokens``."""
    settings = {} if max_tokens is None else {"max_tokens": max_tokens}
    return Direct(load_prompt(PROMPT) | configured(model, settings))
