"""Ids of calls that repeat: each call has its own result all the same."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from agentlab import create_agent
from agentlab.agents.ids import distinct_calls
from agentlab.agents.text import as_text
from agentlab.tools import ToolPolicy, guard
from tests.agents.parts import native, run


def calls(*arguments: str, id: str = "call_0") -> dict[str, Any]:
    return {"tool_calls": [{"name": "act", "args": {"x": x}, "id": id} for x in arguments]}


def acting() -> tuple[Any, list[str]]:
    made: list[str] = []

    @tool
    def act(x: str) -> str:
        """Act."""
        made.append(x)
        return f"did {x}"

    return guard(act, ToolPolicy(side_effects=True, untrusted=False)), made


def results(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(step["args"]["x"], step["result"]) for step in result["steps"]]


def test_each_call_has_its_own_result() -> None:
    act, made = acting()
    result, _ = run(create_agent(native(calls("1"), calls("2", "3"), "End."), [act]))
    assert results(result) == [("1", "did 1"), ("2", "did 2"), ("3", "did 3")]
    assert sorted(made) == ["1", "2", "3"]  # those of one reply are made side by side
    told = [m.text for m in as_text(result["messages"]) if m.text.startswith("Obs")]
    assert told == ["Observation: did 1", "Observation: did 2", "Observation: did 3"]


def test_the_same_call_is_known_again() -> None:
    act, made = acting()
    result, _ = run(create_agent(native(*[calls("same")] * 3, "End."), [act]))
    assert made == ["same", "same"]
    assert result["stopped"] == "repeated"


def test_of_one_thread_too() -> None:
    act, made = acting()
    model = native(calls("1"), "One.", calls("2"), "Two.")
    agent = create_agent(model, [act], checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "x"}}
    agent.invoke("Go.", thread)
    assert results(agent.invoke("On.", thread)) == [("2", "did 2")]
    assert made == ["1", "2"]


def test_of_a_history_too() -> None:
    same = {"name": "act", "args": {}, "id": "a", "type": "tool_call"}
    replies = [AIMessage("", tool_calls=[same, same]), AIMessage("", tool_calls=[same])]
    told = [ToolMessage(text, tool_call_id="a") for text in ("one", "two", "three")]
    history = [HumanMessage("Go."), replies[0], *told[:2], replies[1], told[2]]
    found: list[Any] = distinct_calls(history)
    ids = [call["id"] for m in found for call in getattr(m, "tool_calls", [])]
    assert ids == ["a", "a_2", "a_3"]
    assert [m.tool_call_id for m in found if m.type == "tool"] == ids
    assert [m.text for m in as_text(found)][2::2] == [
        "Observation: one",
        "Observation: two",
        "Observation: three",
    ]
    assert distinct_calls(found) == found
