"""``budget``, ``stream`` and ``memory``."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from agentlab.errors import ScenarioError
from agentlab.recording import Request, Step
from agentlab.scenarios.expectations import CheckContext, of_turn
from agentlab.scenarios.results import Run, TurnRun
from tests.scenarios.expectations.runs import failures, met, said


def spent(
    *calls: dict[str, int] | None, name: str = "gpt-4o-mini", provider: str = "openai-chat"
) -> Run:
    """A run with a model call for each usage, half a second each."""
    request = Request.of("model", name, identity={"provider": provider})
    steps = [Step(request, {"message": {}}, usage=usage, latency=0.5) for usage in calls]
    return Run([TurnRun("?", "x", "x", 0, len(steps))], steps, 0.5 * len(steps))


def used(read: int, written: int) -> dict[str, int]:
    return {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}


RUN = spent(used(100, 20), used(300, 80))


@pytest.mark.parametrize(
    ("key", "amount", "got"),
    [
        ("tokens", 500, "500 tokens"),
        ("prompt_tokens", 400, "400 prompt tokens"),
        ("model_calls", 2, "2 model calls"),
        ("seconds", 1.0, "1 seconds"),
    ],
)
def test_a_budget_is_the_most_there_may_be(key: str, amount: float, got: str) -> None:
    assert met({"budget": {key: amount}}, RUN)
    assert met({"budget": {key: {"min": amount, "max": amount}}}, RUN)
    (failure,) = failures({"budget": {key: amount - 1}}, RUN)
    assert failure.path == f"expect.budget.{key}"
    assert failure.got == got
    assert not met({"budget": {key: {"min": amount + 1}}}, RUN)


def test_the_largest_call_is_named() -> None:
    (failure,) = failures({"budget": {"tokens": 10}}, RUN)
    assert failure.message == "the largest call is step 2: 300 read, 80 written"


def test_tool_calls_are_those_that_were_made(support_run: Run) -> None:
    assert met({"budget": {"tool_calls": 2, "model_calls": 3}}, support_run)
    assert not met({"budget": {"tool_calls": 1}}, support_run)


def test_a_model_that_does_not_tell_its_tokens_is_no_verdict() -> None:
    for raw in ({"budget": {"tokens": 10}}, {"not": {"budget": {"tokens": 10}}}):
        with pytest.raises(ScenarioError, match="gpt-4o-mini did not report its tokens"):
            failures(raw, spent(used(1, 1), None))


def test_a_call_that_failed_costs_no_tokens() -> None:
    run = spent(used(1, 1), None)
    run.steps[1].error = {"type": "RateLimited"}
    assert met({"budget": {"tokens": 2, "model_calls": 2}}, run)
    assert not met({"budget": {"model_calls": 1}}, run)


def test_dollars_by_the_prices_given() -> None:
    context = CheckContext(prices={"gpt-4o-mini": {"input": 0.15, "output": 0.6}})
    cost = (400 * 0.15 + 100 * 0.6) / 1e6
    assert met({"budget": {"usd": cost * 1.001}}, RUN, context)
    assert not met({"budget": {"usd": cost * 0.999}}, RUN, context)
    with pytest.raises(ScenarioError, match="no price for the model gpt-4o-mini") as caught:
        failures({"budget": {"usd": 1}}, RUN)
    assert "prices: {gpt-4o-mini: {input: 0.15, output: 0.60}}" in caught.value.hint


def test_cached_tokens_have_their_own_price() -> None:
    usage: Any = {**used(1_000_000, 0), "input_token_details": {"cache_read": 400_000}}
    context = CheckContext(prices={"gpt-4o-mini": {"input": 1.0, "output": 1.0, "cached": 0.5}})
    assert met({"budget": {"usd": {"approx": 0.8}}}, spent(usage), context)


def test_models_that_run_here_cost_nothing() -> None:
    assert met({"budget": {"usd": 0}}, spent(used(10, 10), name="smollm2", provider="gguf"))


def test_chunks() -> None:
    run = said("one two", chunks=("one", " ", "two"))
    assert met({"stream": {"chunks": {"min": 2}, "joined": True}}, run)
    assert met({"stream": {"chunks": 3}}, run)
    assert [f.got for f in failures({"stream": {"chunks": {"min": 4}}}, run)] == ["3 chunks"]
    (failure,) = failures({"stream": {"joined": True}}, said("one two", chunks=("one", "two")))
    assert ("same", "one") in failure.diff or ("removed", "one two") in failure.diff
    for raw in ({"chunks": {"min": 1}}, {"joined": True}):
        (failure,) = failures({"stream": raw}, said("one"))
        assert failure.message == "the answer was not streamed"


def test_what_the_memory_showed() -> None:
    shown = (HumanMessage("I am Ada."), AIMessage("Hello, Ada."))
    turns = [
        TurnRun("I am Ada.", "Hello, Ada.", "Hello, Ada.", 0, 1),
        TurnRun("Who am I?", "Ada", "Ada", 1, 2, shown),
    ]
    request = Request.of("model", "m")
    run = Run(turns, [Step(request, latency=1.0), Step(request, latency=2.0)], 3.0)
    assert met({"memory": {"contains": "I am Ada", "lines": 2, "not": {"contains": "Eve"}}}, run)
    assert [f.path for f in failures({"memory": {"contains": "Eve"}}, run)] == [
        "expect.memory.contains"
    ]
    first, second = of_turn(run, 0), of_turn(run, 1)
    (failure,) = failures({"memory": {"contains": "Ada"}}, first)
    assert failure.message == "the memory showed nothing in this turn"
    assert (first.text, second.text) == ("Hello, Ada.", "Ada")
    assert (first.seconds, second.seconds) == (1.0, 2.0)
    assert met({"budget": {"model_calls": 1, "seconds": 2}}, second)
