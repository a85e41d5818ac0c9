"""A chain that is left stops the model that is answering, within a token."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any

import pytest
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableGenerator

from agentlab import Chain, cancellable, parallel, sequential
from agentlab.cancellation import current
from agentlab.errors import TurnCancelled
from agentlab.events import Failed, Token
from tests.chains.conftest import Endless, gathered


def chain_of(model: Endless) -> Chain:
    # With a parser behind the model, LangChain would read it to the end.
    return sequential(a=ChatPromptTemplate.from_template("{q}") | model | StrOutputParser())


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("make", ["stream", "events"])
def test_closing_stops_the_model(endless: Endless, make: str, nested: bool) -> None:
    chain = chain_of(endless)
    whole = sequential(outer=chain) if nested else chain
    running = getattr(whole, make)("x")
    for item in running:
        if isinstance(item, Token) or (isinstance(item, dict) and endless.made):
            break
    running.close()
    assert 1 <= endless.made <= 3


def test_dropping_the_iterator_stops_the_model(endless: Endless) -> None:
    for event in chain_of(endless).events("x"):
        if isinstance(event, Token):
            break
    del event
    assert endless.made <= 3


@pytest.mark.parametrize("make", ["astream", "aevents"])
async def test_closing_stops_the_model_async(endless: Endless, make: str) -> None:
    running = getattr(chain_of(endless), make)("x")
    async for _ in running:
        if endless.made:
            break
    await running.aclose()
    made = endless.made
    await asyncio.sleep(0.05)
    assert endless.made <= made + 1
    assert made < 100


def test_closing_stops_all_that_run_side_by_side(endless: Endless) -> None:
    running = parallel(one=chain_of(endless), two=chain_of(endless)).stream("x")
    for _ in running:
        if endless.made:
            break
    running.close()
    made = endless.made
    assert made < 4_000
    endless.begun.wait(0.05)
    assert endless.made == made


@pytest.mark.parametrize("run", [lambda c: c.invoke("x"), lambda c: [*c.stream("x")]])
def test_a_cancelled_scope_ends_the_run(endless: Endless, run: Any) -> None:
    def cancel(chunks: Any) -> Any:
        for chunk in chunks:
            scope.cancel()
            yield chunk

    step = ChatPromptTemplate.from_template("{q}") | endless | RunnableGenerator(cancel)
    chain = sequential(a=step, b=ChatPromptTemplate.from_template("{a}") | endless)
    with cancellable() as scope, pytest.raises(TurnCancelled):
        run(chain)
    assert endless.made <= 2_000  # invoke has the whole answer of the first step, never a second


def test_a_stopped_run_is_told_with_what_had_come(endless: Endless) -> None:
    with cancellable() as scope:
        running = chain_of(endless).events("x")
        first = next(event for event in running if isinstance(event, Token))
        scope.cancel()
        events, error = gathered(running)
    assert isinstance(error, TurnCancelled)
    assert isinstance(events[-1], Failed)
    assert events[-1].error == "TurnCancelled"
    assert events[-1].partial.startswith(first.text)
    assert endless.made <= 3


async def test_cancelling_the_task_stops_the_model(slow: Endless) -> None:
    task = asyncio.create_task(chain_of(slow).ainvoke("x"))
    await asyncio.to_thread(slow.begun.wait, 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.05)
    assert slow.made < 1_000


def test_the_reader_does_not_run_under_the_chains_scope() -> None:
    chain = sequential(a=lambda _: "A", b=lambda _: "B")
    for _ in chain.stream({}):
        assert current() is None
    context = contextvars.copy_context()
    assert context.run(current) is None
