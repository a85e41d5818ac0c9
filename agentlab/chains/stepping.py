"""Running one step, streamed: what happens, as events and as the chunks a reader adds up."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from dataclasses import replace
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.utils import AddableDict

from agentlab.chains.chain import Chain
from agentlab.chains.driving import adriven, driven
from agentlab.chains.happenings import Happening, Run
from agentlab.chains.steps import Gathering, Step
from agentlab.events import Answer, Event, StepFinished, StepStarted, Token, Usage


def stream_step(
    name: str, step: Step, values: Any, run: Run, config: RunnableConfig
) -> Generator[Happening, None, None]:
    """Run ``step``; the last happening is its :class:`StepFinished`, with the whole value."""
    run.scope.raise_if_cancelled()
    yield Happening(StepStarted(name))
    if isinstance(step, Chain):
        nested = _Nested(name)
        with closing(driven(step.happenings(values, config), run)) as happenings:
            for happening in happenings:
                yield from nested.passed_on(happening)
        yield Happening(StepFinished(name, nested.value))
        return
    gathering = Gathering()
    with closing(driven(step.stream(values, config), run)) as chunks:
        for chunk in chunks:
            yield from _passed_on(name, gathering, chunk)
    yield _finished(name, gathering)


async def astream_step(
    name: str, step: Step, values: Any, run: Run, config: RunnableConfig
) -> AsyncGenerator[Happening, None]:
    """:func:`stream_step`, asynchronously."""
    run.scope.raise_if_cancelled()
    yield Happening(StepStarted(name))
    if isinstance(step, Chain):
        nested = _Nested(name)
        async with aclosing(adriven(step.ahappenings(values, config), run)) as happenings:
            async for happening in happenings:
                for passed in nested.passed_on(happening):
                    yield passed
        yield Happening(StepFinished(name, nested.value))
        return
    gathering = Gathering()
    async with aclosing(adriven(step.astream(values, config), run)) as chunks:
        async for chunk in chunks:
            for happening in _passed_on(name, gathering, chunk):
                yield happening
    yield _finished(name, gathering)


def _passed_on(name: str, gathering: Gathering, chunk: Any) -> Generator[Happening, None, None]:
    match chunk:  # agents, and answers from documents, stream events
        case Answer(value=value):
            gathering.settle(value)
            return
        case Token(text=text):
            yield Happening(Token(text, name))
            return
        case Event():
            if not isinstance(chunk, Usage):  # the chain counts the calls in it too
                yield Happening(chunk)
            return
    part = gathering.add(chunk)
    if part is not None:
        event = Token(part, name) if isinstance(part, str) else None
        yield Happening(event, AddableDict({name: part}))


def _finished(name: str, gathering: Gathering) -> Happening:
    value = gathering.value
    chunk = None if gathering.passed_on else AddableDict({name: value})
    return Happening(StepFinished(name, value), chunk)


class _Nested:
    """A chain that is a step: its steps are called ``outer/inner``, its answer is our value."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.value: Any = None

    def passed_on(self, happening: Happening) -> Generator[Happening, None, None]:
        event, chunk = happening
        if isinstance(event, Answer):
            self.value = event.value
            return
        if isinstance(event, StepStarted | Token | StepFinished):
            event = cast(Event, replace(event, step=f"{self._name}/{event.step}"))
        yield Happening(event, None if chunk is None else AddableDict({self._name: chunk}))
