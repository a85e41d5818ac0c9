"""Stopping a call of the local model, however it was made."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.output_parsers import StrOutputParser

from agentlab.cancellation import Cancellation, cancellable
from agentlab.errors import TurnCancelled

pytestmark = pytest.mark.model

QUESTION = "Tell me a very long story."
SOON = 5.0  # seconds; the whole answer takes far longer


@pytest.fixture(scope="session")
def model(smollm2: BaseChatModel) -> BaseChatModel:
    """Cannot end by itself: its grammar wants ten thousand letters."""
    long = smollm2.model_copy(update={"n_ctx": 8192, "n_batch": 8, "max_tokens": None})
    return long.bind(regex="[a-z ]{10000}")  # type: ignore[return-value]


async def drain(stream: Any) -> None:
    async for _ in stream:
        pass


WAYS: dict[str, Callable[[Any], object]] = {
    "invoke": lambda m: m.invoke(QUESTION),
    "stream": lambda m: list(m.stream(QUESTION)),
    "batch": lambda m: m.batch([QUESTION, "Another one."]),
    "ainvoke": lambda m: asyncio.run(m.ainvoke(QUESTION)),
    "astream": lambda m: asyncio.run(drain(m.astream(QUESTION))),
    "chain": lambda m: list((m | StrOutputParser()).stream(QUESTION)),
}


def idle(model: Any) -> None:
    worker = model.bound.engine._worker
    end = time.monotonic() + SOON
    while worker.running is not None:
        assert time.monotonic() < end, "still decoding"
        time.sleep(0.01)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_a_cancelled_scope_ends_every_way_of_asking(
    model: BaseChatModel, smollm2: BaseChatModel, way: Callable[[Any], object]
) -> None:
    scope = Cancellation()
    cancelled_at: list[float] = []

    def cancel() -> None:
        cancelled_at.append(time.monotonic())
        scope.cancel()

    timer = threading.Timer(0.3, cancel)
    with cancellable(scope):
        timer.start()
        with pytest.raises(TurnCancelled):
            way(model)
    assert time.monotonic() - cancelled_at[0] < SOON
    idle(model)


def test_a_reader_that_stops_reading(model: BaseChatModel) -> None:
    for chunk in model.stream(QUESTION):
        if chunk.text:
            break
    idle(model)


async def test_an_asynchronous_reader_that_stops_reading(model: BaseChatModel) -> None:
    stream = model.astream(QUESTION)
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    await asyncio.to_thread(idle, model)


async def test_a_timeout(model: BaseChatModel) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await model.ainvoke(QUESTION)
    await asyncio.to_thread(idle, model)


async def test_the_event_loop_goes_on_while_a_model_is_loaded(smollm2: BaseChatModel) -> None:
    fresh = smollm2.model_copy(update={"n_ctx": 320, "max_tokens": 2})
    fresh._engine = None  # type: ignore[attr-defined]
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.001)
            turns += 1

    counting = asyncio.create_task(count())
    await fresh.ainvoke("Hi")
    counting.cancel()
    assert turns > 3


def test_it_answers_well_afterwards(model: BaseChatModel, smollm2: BaseChatModel) -> None:
    expected = smollm2.invoke("What is 1 + 1?", max_tokens=6).content
    stream = smollm2.stream(QUESTION, max_tokens=200)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert smollm2.invoke("What is 1 + 1?", max_tokens=6).content == expected
