"""Steps side by side."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from langchain_core.prompts import ChatPromptTemplate

from agentlab import Chain, parallel
from agentlab.errors import ModelError
from agentlab.events import Answer, Failed, StepFinished, Token, Usage
from tests.chains.conftest import Endless, added_up, ask, gathered

MERGED = {"q": "x", "a": "one two", "b": "three four"}


def views() -> Chain:
    return parallel(a=ask("{q}", "one two"), b=ask("{q}", "three four"))


def test_the_values_are_merged_in_the_order_of_the_steps() -> None:
    got = views().invoke("x")
    assert got == MERGED
    assert list(got) == ["q", "a", "b"]


async def test_async_gives_the_same() -> None:
    assert await views().ainvoke("x") == MERGED


def test_the_chunks_add_up() -> None:
    assert added_up(list(views().stream("x"))) == MERGED


async def test_the_async_chunks_add_up() -> None:
    assert added_up([chunk async for chunk in views().astream("x")]) == MERGED


def test_the_steps_run_at_the_same_time() -> None:
    meeting = threading.Barrier(2)
    chain = parallel(a=lambda _: meeting.wait(20), b=lambda _: meeting.wait(20))
    assert sorted(chain.invoke({}).values()) == [0, 1]
    assert added_up(list(chain.stream({}))).keys() == {"a", "b"}


async def test_the_async_steps_run_at_the_same_time() -> None:
    arrived = asyncio.Event()

    async def waits(_: Any) -> str:
        await asyncio.wait_for(arrived.wait(), 20)
        return "waited"

    async def comes(_: Any) -> str:
        arrived.set()
        return "came"

    assert await parallel(a=waits, b=comes).ainvoke({}) == {"a": "waited", "b": "came"}


@pytest.mark.parametrize("run", [lambda c, k: c.invoke({}, k), lambda c, k: [*c.stream({}, k)]])
def test_max_concurrency_is_honoured(run: Any) -> None:
    lock, running, most = threading.Lock(), 0, 0

    def step(_: Any) -> str:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.02)
        with lock:
            running -= 1
        return "done"

    run(parallel(a=step, b=step, c=step), {"max_concurrency": 1})
    assert most == 1


async def test_max_concurrency_is_honoured_async() -> None:
    running, most = 0, 0

    async def step(_: Any) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return "done"

    await parallel(a=step, b=step, c=step).ainvoke({}, {"max_concurrency": 1})
    assert most == 1


def failing_after(model: Endless) -> Any:
    def fail(_: Any) -> str:
        assert model.begun.wait(20)
        raise ModelError("broken")

    return fail


def test_the_first_error_stops_the_others(slow: Endless) -> None:
    events, error = gathered(parallel(long=step(slow), bad=failing_after(slow)).events("x"))
    assert str(error) == "broken"
    assert isinstance(events[-1], Failed)
    assert events[-1].message == "broken"
    assert slow.made < 1_000


def test_the_first_error_stops_the_others_in_invoke(slow: Endless) -> None:
    with pytest.raises(ModelError, match="broken"):
        parallel(long=step(slow), bad=failing_after(slow)).invoke("x")
    assert slow.made < 1_000


@pytest.mark.parametrize("stream", [False, True])
async def test_the_first_error_stops_the_others_async(slow: Endless, stream: bool) -> None:
    async def fail(_: Any) -> str:
        await asyncio.to_thread(slow.begun.wait, 20)
        raise ModelError("broken")

    async def run() -> None:
        chain = parallel(long=step(slow), bad=fail)
        if not stream:
            await chain.ainvoke("x")
        async for _ in chain.astream("x"):
            pass

    with pytest.raises(ModelError, match="broken"):
        await run()
    await asyncio.sleep(0.05)
    made = slow.made
    assert made < 1_000
    await asyncio.sleep(0.05)
    assert slow.made == made


def step(model: Endless) -> Any:
    return ChatPromptTemplate.from_template("{q}") | model


def test_events_name_the_step_of_each_token() -> None:
    events = list(views().events("x"))
    texts = {"a": "", "b": ""}
    for event in events:
        if isinstance(event, Token):
            texts[event.step] += event.text
    assert texts == {"a": "one two", "b": "three four"}
    assert {e.step for e in events if isinstance(e, StepFinished)} == {"a", "b"}
    usage, answer = events[-2:]
    assert isinstance(usage, Usage)
    assert usage.model_calls == 2
    assert answer == Answer(MERGED)
