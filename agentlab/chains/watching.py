"""A chain's happenings as the events its readers see: tokens used, the answer, or the failure."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from typing import TypeAlias

from agentlab.chains.happenings import Happening
from agentlab.chains.usage import UsageCounter
from agentlab.errors import AgentLabError, TurnCancelled
from agentlab.events import Answer, Event, Failed, Retrieved, StepFinished, Token

Happenings: TypeAlias = Generator[Happening, None, None]
AsyncHappenings: TypeAlias = AsyncGenerator[Happening, None]


def watched(happenings: Happenings, usage: UsageCounter) -> Generator[Event, None, None]:
    """The events of ``happenings``; ``Usage`` before the ``Answer``, ``Failed`` after an error.

    What a retriever found is told at the next happening.
    """
    said = _Said()
    try:
        with closing(happenings):
            for event, _ in happenings:
                yield from _untold(usage, event)
                if isinstance(event, Answer):
                    yield usage.usage
                if event is not None:
                    said.hear(event)
                    yield event
    except (Exception, TurnCancelled) as error:
        if usage.calls:
            yield usage.usage
        yield failure(error, said.text)
        raise


async def awatched(happenings: AsyncHappenings, usage: UsageCounter) -> AsyncGenerator[Event, None]:
    """:func:`watched`, asynchronously."""
    said = _Said()
    try:
        async with aclosing(happenings):
            async for event, _ in happenings:
                for found in _untold(usage, event):
                    yield found
                if isinstance(event, Answer):
                    yield usage.usage
                if event is not None:
                    said.hear(event)
                    yield event
    except (Exception, TurnCancelled) as error:
        if usage.calls:
            yield usage.usage
        yield failure(error, said.text)
        raise


def _untold(usage: UsageCounter, event: Event | None) -> list[Retrieved]:
    """What was found, but for what ``event`` tells of itself."""
    told = event.query if isinstance(event, Retrieved) else None
    return [found for found in usage.take_retrieved() if found.query != told]


def failure(error: BaseException, partial: str = "") -> Failed:
    """``error`` as an event; ``partial`` is the text that had come."""
    hint = error.hint if isinstance(error, AgentLabError) else ""
    message = str(error)
    if not message and isinstance(error, TurnCancelled | KeyboardInterrupt):
        message = "the run was stopped"
    return Failed(type(error).__name__, message, hint, partial=partial)


class _Said:
    """The text of the steps that have begun and not ended."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def hear(self, event: Event) -> None:
        if isinstance(event, Token):
            self._texts[event.step] = self._texts.get(event.step, "") + event.text
        elif isinstance(event, StepFinished):
            self._texts.pop(event.step, None)

    @property
    def text(self) -> str:
        return "\n".join(self._texts.values())
