"""Models for chains: scripted ones, and one that counts the tokens it makes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable
from langchain_core.runnables.utils import AddableDict
from pydantic import PrivateAttr

from agentlab import Chain, cancellation, recordable, sequential
from agentlab.errors import TurnCancelled
from agentlab.models.scripted import ScriptedChatModel


def says(*replies: Any) -> ScriptedChatModel:
    """A model that gives ``replies``, each once."""
    return ScriptedChatModel(replies=list(replies))


def ask(template: str, *replies: Any) -> Runnable[Any, Any]:
    """A step: a prompt, and a model that gives ``replies``."""
    return ChatPromptTemplate.from_template(template) | says(*replies)


def gathered(items: Iterable[Any]) -> tuple[list[Any], BaseException | None]:
    """All of ``items``, and the error that ended them."""
    seen = []
    try:
        for item in items:
            seen.append(item)
    except (Exception, TurnCancelled) as error:  # noqa: BLE001  # handed to the test
        return seen, error
    return seen, None


def added_up(chunks: Iterable[Any]) -> Any:
    """The sum of streamed chunks."""
    total = AddableDict()
    for chunk in chunks:
        total = total + chunk
    return total


class Endless(BaseChatModel):
    """Says "word " until it is stopped (or 2,000 times); ``made`` counts."""

    pace: float = 0

    _made: list[int] = PrivateAttr(default_factory=lambda: [0])
    _begun: threading.Event = PrivateAttr(default_factory=threading.Event)

    @property
    def made(self) -> int:
        return self._made[0]

    @property
    def begun(self) -> threading.Event:
        return self._begun

    @property
    def _llm_type(self) -> str:
        return "endless"

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        for _ in range(2_000):
            self._made[0] += 1
            self._begun.set()
            time.sleep(self.pace)
            yield ChatGenerationChunk(message=AIMessageChunk(content="word "))

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        chunks = []
        for chunk in self._stream():
            cancellation.raise_if_cancelled()
            chunks.append(chunk)
        return generate_from_stream(iter(chunks))


@pytest.fixture
def endless() -> Endless:
    return recordable(Endless())


@pytest.fixture
def slow() -> Endless:
    """Takes two seconds or more, unless it is stopped."""
    return recordable(Endless(pace=0.001))


@pytest.fixture
def story() -> Chain:
    """Two model steps and a function; its answer is :data:`STORY`."""
    return sequential(
        title=ask("title: {summary}", "The Lost Girl"),
        character=ask("character: {title}", "Ann, a girl"),
        length=lambda values: len(values["title"]),
    )


STORY = {
    "summary": "a girl",
    "title": "The Lost Girl",
    "character": "Ann, a girl",
    "length": 13,
}
