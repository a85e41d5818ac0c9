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
    said, found = _Said(), _Found(usage)
    try:
        with closing(happenings):
            for happening in happenings:
                for event in found.with_event(happening.event):
                    if isinstance(event, Answer):
                        yield usage.usage
                    said.hear(event)
                    yield event
    except (Exception, TurnCancelled) as error:
        if usage.calls:
            yield usage.usage
        yield failure(error, said.text)
        raise


async def awatched(happenings: AsyncHappenings, usage: UsageCounter) -> AsyncGenerator[Event, None]:
    """:func:`watched`, asynchronously."""
    said, found = _Said(), _Found(usage)
    try:
        async with aclosing(happenings):
            async for happening in happenings:
                for event in found.with_event(happening.event):
                    if isinstance(event, Answer):
                        yield usage.usage
                    said.hear(event)
                    yield event
    except (Exception, TurnCancelled) as error:
        if usage.calls:
            yield usage.usage
        yield failure(error, said.text)
        raise


def failure(error: BaseException, partial: str = "") -> Failed:
    """``error`` as an event; ``partial`` is the text that had come."""
    hint = error.hint if isinstance(error, AgentLabError) else ""
    message = str(error)
    if not message and isinstance(error, TurnCancelled | KeyboardInterrupt):
        message = "the run was stopped"
    return Failed(type(error).__name__, message, hint, partial=partial)


class _Found:
    """What retrievers found, told once: the counter hears of it, and a step may tell it itself.

    Beside other steps, an event of theirs may come between the two.
    """

    def __init__(self, usage: UsageCounter) -> None:
        self._usage = usage
        self._told: list[str] = []  # the questions of what was told for the counter

    def with_event(self, event: Event | None) -> list[Event]:
        """What is to be told now: all that was found, and ``event`` unless it was told."""
        found = self._usage.take_retrieved()
        events = [] if event is None else [event]
        if isinstance(event, Retrieved):
            same = next((one for one in found if one.query == event.query), None)
            if same is not None:
                found.remove(same)
            elif event.query in self._told:
                self._told.remove(event.query)
                events = []
        self._told += [one.query for one in found]
        return [*found, *events]


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
