"""``trajectory``, on a recorded agent and against an oracle."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool

from agentlab.boundary import recordable
from agentlab.errors import ToolError
from agentlab.recording import Request, Step, cassette, load
from agentlab.scenarios.expectations.calls import all_calls, made_calls
from agentlab.scenarios.results import Run, TurnRun
from tests.recording.parts import asks, look_up, model
from tests.scenarios.expectations.runs import failures, met

TOOLS = ("a", "b", "c")


def called(*names: str) -> Run:
    """A run in which code called these tools."""
    steps = [Step(Request.of("tool", name, parts={"args": {"n": 1}}), "ok") for name in names]
    return Run([TurnRun("?", "done", "done", 0, len(steps))], steps)


def expected(how: str, wanted: Sequence[str], calls: Sequence[str]) -> bool:
    """What each order means, by trying everything."""
    if how == "exact":
        return list(wanted) == list(calls)
    if how == "in_order":
        return any(list(c) == list(wanted) for c in itertools.combinations(calls, len(wanted)))
    if how == "any_order":
        return all(calls.count(name) >= wanted.count(name) for name in wanted)
    return all(name in wanted for name in calls)


@given(
    st.sampled_from(["exact", "in_order", "any_order", "subset"]),
    st.lists(st.sampled_from(TOOLS), min_size=1, max_size=4),
    st.lists(st.sampled_from(TOOLS), max_size=5),
)
def test_orders_are_what_they_say(how: str, wanted: list[str], calls: list[str]) -> None:
    run = called(*calls)
    assert met({"trajectory": {how: wanted}}, run) == expected(how, wanted, calls)
    assert met({"not": {"trajectory": {how: wanted}}}, run) != expected(how, wanted, calls)


@given(st.lists(st.sampled_from(TOOLS), max_size=5), st.integers(0, 3))
def test_counts_and_never(calls: list[str], n: int) -> None:
    run = called(*calls)
    assert met({"trajectory": {"calls": {"a": n}}}, run) == (calls.count("a") == n)
    assert met({"trajectory": {"calls": {"a": {"max": n}}}}, run) == (calls.count("a") <= n)
    assert met({"trajectory": {"never": ["a"]}}, run) == ("a" not in calls)
    assert met({"trajectory": {"no_repeat": True}}, run) == (len(set(calls)) == len(calls))


def test_any_order_finds_the_matching_that_there_is() -> None:
    """The wide matcher must leave the call that only the narrow one fits."""
    steps = [
        Step(Request.of("tool", "pay", parts={"args": {"amount": amount}}), "ok")
        for amount in (1, 2)
    ]
    run = Run([TurnRun("?", "", "", 0, 2)], steps)
    wide, narrow = {"pay": {"amount": {"min": 0}}}, {"pay": {"amount": 1}}
    assert met({"trajectory": {"any_order": [wide, narrow]}}, run)
    assert met({"trajectory": {"any_order": [narrow, wide]}}, run)
    assert not met({"trajectory": {"any_order": [narrow, narrow]}}, run)


def test_a_recorded_agent(support_run: Run) -> None:
    assert [str(call) for call in made_calls(support_run)] == [
        'look_up(order="TEST-1")',
        "check_policy(amount=842.0)",
    ]
    assert met(
        {
            "trajectory": {
                "exact": ["look_up", {"check_policy": {"amount": {"approx": 842, "tol": 1}}}],
                "never": ["issue_refund", {"check_policy": {"amount": {"max": 100}}}],
                "calls": {"look_up": 1, "check_policy": {"min": 1, "max": 2}},
                "no_repeat": True,
            }
        },
        support_run,
    )


def test_the_first_call_that_differs_is_shown(support_run: Run) -> None:
    raw = {"trajectory": {"exact": ["look_up", {"check_policy": {"amount": {"min": 900}}}]}}
    (failure,) = failures(raw, support_run)
    assert failure.path == "expect.trajectory.exact"
    assert failure.got == "call 2: check_policy(amount=842.0)"
    assert failure.message == "amount: expected at least 900, got 842.0"
    assert failure.diff == (
        ("same", 'look_up(order="TEST-1")\n'),
        ("removed", "check_policy(amount=at least 900)"),
        ("added", "check_policy(amount=842.0)"),
    )


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"exact": ["look_up"]}, "check_policy is not expected here"),
        ({"exact": ["look_up", "check_policy", "refund"]}, "refund is not called after that"),
        ({"in_order": ["check_policy", "look_up"]}, "look_up is not called after that"),
        ({"any_order": ["refund"]}, "refund is not called"),
        ({"subset": ["look_up"]}, "check_policy is not expected here"),
        ({"any_order": [{"look_up": {"colour": "red"}}]}, 'colour: expected "red", got nothing'),
    ],
)
def test_what_is_told(support_run: Run, raw: dict[str, Any], message: str) -> None:
    (failure,) = failures({"trajectory": raw}, support_run)
    assert failure.message == message


def test_a_call_that_was_only_asked_for(tmp_path: Path) -> None:
    """It counts for ``never``, not for the others: structured answers come as calls too."""
    with cassette(tmp_path / "a.jsonl", mode="all"):
        model(asks("issue_refund", {"amount": 5}, "x")).invoke("refund me")
    steps = load(tmp_path / "a.jsonl").steps
    run = Run([TurnRun("?", "", "", 0, 1)], steps)
    assert [call.made for call in all_calls(run)] == [False]
    assert met({"trajectory": {"exact": [], "calls": {"issue_refund": 0}}}, run)
    (failure,) = failures({"trajectory": {"never": ["issue_refund"]}}, run)
    assert failure.message == "it was asked for, and not carried out"


def test_a_tool_that_ran_live_is_known_by_its_result(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with cassette(path, mode="all", live_tools=["look_up"]):
        chat, live = (
            model(asks("look_up", {"order": "7"}, "x"), AIMessage("Sent.")),
            recordable(look_up),
        )
        asked = chat.invoke("where is it?")
        result: ToolMessage = live.invoke({**asked.tool_calls[0], "type": "tool_call"})
        chat.invoke([HumanMessage("where is it?"), asked, result])
    steps = load(path).steps
    assert [step.kind for step in steps] == ["model", "model"]
    run = Run([TurnRun("?", "Sent.", "Sent.", 0, 2)], steps)
    assert met({"trajectory": {"exact": [{"look_up": {"order": "7"}}]}}, run)


def test_calls_asked_for_together_come_in_the_order_asked_for(tmp_path: Path) -> None:
    @tool
    def first(n: int) -> str:
        """One."""
        return "1"

    @tool
    def second(n: int) -> str:
        """Two."""
        raise ToolError("no")

    path = tmp_path / "a.jsonl"
    two = [
        {"name": "first", "args": {"n": 1}, "id": "x"},
        {"name": "second", "args": {"n": 2}, "id": "y"},
    ]
    with cassette(path, mode="all"):
        model(AIMessage("", tool_calls=two)).invoke("go")
        with pytest.raises(ToolError):
            recordable(second).invoke({"n": 2})
        recordable(first).invoke({"n": 1})
        recordable(first).invoke({"n": 1})
    steps = load(path).steps
    run = Run([TurnRun("?", "", "", 0, len(steps))], steps)
    assert [call.name for call in made_calls(run)] == ["first", "second", "first"]
    (failure,) = failures({"trajectory": {"no_repeat": True}}, run)
    assert failure.got == "calls 1 and 3: first(n=1)"
