"""Stopping a run: by its reader, by Ctrl-C's scope, within a tool or a model."""

from __future__ import annotations

import asyncio
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool

from agentlab import Limits, ToolPolicy, cancellable, create_agent
from agentlab.agents.calling import Caller
from agentlab.agents.stepping import RunContext
from agentlab.errors import TurnCancelled
from agentlab.events import Token, ToolCall
from agentlab.recording import cassette
from agentlab.session import Session
from agentlab.tools import guard
from tests.agents.parts import Effects, acts, call, native, run, text


@tool
def hang() -> str:
    """Hang."""
    time.sleep(60)
    return ""


HANG = guard(hang, ToolPolicy())
SLOW = {"say": "one two three four", "pace": 30}


@pytest.mark.parametrize(
    "agent",
    [
        create_agent(native({"say": "x", "delay": 60}), []),
        create_agent(text({"say": "x", "delay": 60}), []),
        create_agent(native(call("hang")), [HANG]),
    ],
    ids=["native", "text", "tool"],
)
def test_cancel_is_heard_within_a_second(agent: Any) -> None:
    with cancellable() as scope:
        threading.Timer(0.5, scope.cancel).start()
        started = time.monotonic()
        with pytest.raises(TurnCancelled):
            agent.invoke("Go.")
    assert time.monotonic() - started < 5


async def test_cancel_is_heard_asynchronously() -> None:
    agent = create_agent(native(call("hang")), [HANG])
    with cancellable() as scope:
        asyncio.get_running_loop().call_later(0.3, scope.cancel)
        with pytest.raises(TurnCancelled):
            await agent.ainvoke("Go.")


def test_closing_the_stream_stops_the_run() -> None:
    for model, tools, kind in ((native(call("hang")), [HANG], ToolCall), (native(SLOW), [], Token)):
        stream = create_agent(model, tools).stream("Go.")
        started = time.monotonic()
        assert isinstance(next(stream), kind)
        stream.close()
        assert time.monotonic() - started < 20


def test_a_stopped_turn_of_a_session_is_kept_and_gone_on_from() -> None:
    chat = Session(create_agent(native(SLOW, "Yes."), []))
    with cancellable() as scope:
        threading.Timer(0.5, scope.cancel).start()
        with pytest.raises(TurnCancelled):
            list(chat.stream("Go."))
    assert chat.send("Again").text == "Yes."


def test_a_run_is_replayed_without_model_and_tools(tmp_path: Any) -> None:
    done = []

    @tool
    def look(at: str) -> str:
        """Look."""
        done.append(at)
        return f"seen {at}"

    file = tmp_path / "run.jsonl"

    def go(*replies: Any) -> Any:
        return create_agent(text(*replies), [guard(look, ToolPolicy())]).invoke("Go.")

    replies = (acts("look", '{"at": "door"}'), "Thought: ok\nFinal Answer: A door.")
    with cassette(file, mode="once"):
        first = go(*replies)
    with cassette(file, mode="none"):
        again = go(*replies)
    assert done == ["door"]
    assert first["answer"] == again["answer"] == "A door."
    assert [m.text for m in first["messages"]] == [m.text for m in again["messages"]]


def slow_yes(_: Any) -> bool:
    time.sleep(0.8)
    return True


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_person_may_take_time(asynchronous: bool) -> None:
    effects = Effects()
    both = {"tool_calls": [{"name": "send", "args": {"text": t}} for t in "ab"]}
    agent = create_agent(
        native(both, "Done."), [effects.tool()], approve=slow_yes, limits=Limits(seconds=0.7)
    )
    result = await agent.ainvoke("Go.") if asynchronous else run(agent)[0]
    assert sorted(effects.done) == ["a", "b"]
    assert result["stopped"] is None


def test_no_tool_is_begun_when_time_is_over() -> None:
    effects = Effects()
    caller = Caller({"send": effects.tool()}, Limits(seconds=0.001), None)
    made = {"name": "send", "args": {"text": "a"}, "id": "1", "type": "tool_call"}
    context = RunContext()
    time.sleep(0.01)
    request = SimpleNamespace(
        tool_call=made,
        runtime=SimpleNamespace(context=context, stream_writer=lambda _: None),
        state={"messages": [HumanMessage("Go."), AIMessage("", tool_calls=[made])]},
    )
    result = caller.call(request, lambda _: pytest.fail("it was begun"))
    assert "the time for this task is over" in result.text
    assert effects.done == []
