"""The events of any Runnable: a chain's own, or the tokens of what has no steps."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig, ensure_config

from agentlab import cancellation
from agentlab.chains.chain import Chain
from agentlab.chains.happenings import Happening, Run
from agentlab.chains.stepping import astream_step, stream_step
from agentlab.chains.steps import value_of
from agentlab.chains.usage import UsageCounter
from agentlab.chains.watching import awatched, watched
from agentlab.events import Answer, Event, StepFinished, StepStarted


def events_of(
    runnable: Runnable[Any, Any],
    input: Any,
    config: RunnableConfig | None = None,
    *,
    stream: bool = True,
) -> Generator[Event, None, None]:
    """Run ``runnable`` and yield what happens.

    A chain's :meth:`~agentlab.chains.Chain.events`; of anything else its ``Token`` events (with an
    empty ``step``), ``Usage`` and ``Answer``, or ``Failed`` and then the error. Without ``stream``
    it is invoked, so that no tokens come: only ``StepFinished`` of a chain's steps, at the end.
    """
    usage = UsageCounter()
    config = usage.attached_to(config)
    if not stream:
        happenings = _invoked(runnable, input, config)
    elif isinstance(runnable, Chain):
        happenings = runnable.happenings(input, config)
    else:
        happenings = _happenings(runnable, input, config)
    yield from watched(happenings, usage)


async def aevents_of(
    runnable: Runnable[Any, Any], input: Any, config: RunnableConfig | None = None
) -> AsyncGenerator[Event, None]:
    """:func:`events_of`, asynchronously."""
    usage = UsageCounter()
    config = usage.attached_to(config)
    if isinstance(runnable, Chain):
        happenings = runnable.ahappenings(input, config)
    else:
        happenings = _ahappenings(runnable, input, config)
    async with aclosing(awatched(happenings, usage)) as events:
        async for event in events:
            yield event


def _invoked(
    runnable: Runnable[Any, Any], input: Any, config: RunnableConfig
) -> Generator[Happening, None, None]:
    value = value_of(runnable.invoke(input, config))
    if isinstance(runnable, Chain):
        for name in runnable.steps:
            yield Happening(StepFinished(name, value[name]))
    yield Happening(Answer(value))


def _happenings(
    runnable: Runnable[Any, Any], input: Any, config: RunnableConfig
) -> Generator[Happening, None, None]:
    with cancellation.child() as (scope, context):
        run = Run({}, scope, context)
        with closing(stream_step("", runnable, input, run, ensure_config(config))) as happenings:
            for happening in happenings:
                yield _without_step(happening)


async def _ahappenings(
    runnable: Runnable[Any, Any], input: Any, config: RunnableConfig
) -> AsyncGenerator[Happening, None]:
    with cancellation.child() as (scope, context):
        run = Run({}, scope, context)
        stepping = astream_step("", runnable, input, run, ensure_config(config))
        async with aclosing(stepping) as happenings:
            async for happening in happenings:
                yield _without_step(happening)


def _without_step(happening: Happening) -> Happening:
    match happening.event:
        case StepFinished(value=value):
            return Happening(Answer(value))
        case StepStarted():
            return Happening(None)
        case event:
            return Happening(event)
