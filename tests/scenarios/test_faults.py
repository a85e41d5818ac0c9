"""Faults: decided by place, made anew in every replay, never written into a recording."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agentlab.scenarios.results import ScenarioResult
from tests.scenarios.conftest import Project

Made = Callable[..., dict[str, ScenarioResult]]
HEAD = """agentlab: 1
models: {talk: {scripted: talk.yaml}, worker: {scripted: agent.yaml}}
scenarios:
"""
AGENT = (
    HEAD + "- {id: a, agent: 'shop:support', model: worker, input: Refund order 7, faults: [%s]}\n"
)
CHAIN = HEAD + "- {id: a, chain: 'shop:fragile', model: talk, input: how to reset, faults: [%s]}\n"
RAG = HEAD + "- {id: a, rag: 'shop:manual', model: talk, input: how to reset, faults: [%s]}\n"


def both(made: Made, text: str) -> ScenarioResult:
    """The replay, after it was seen that recording gave the same."""
    first, again = made(text)["a"], made(text)["a"]
    assert first.status in ("recorded", "passed", "error")
    assert again.live_calls == 0
    assert again.run is not None
    assert first.run is not None
    assert again.run.text == first.run.text
    assert again.error == first.error
    assert [s.error for s in again.run.steps] == [s.error for s in first.run.steps]
    return again


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("timeout", "the tool lookup did not answer in time"),
        ("rate_limit", "the tool lookup got too many requests"),
        ("connection", "no connection to the tool lookup"),
        ("it is broken", "it is broken"),
    ],
)
def test_a_tool_fails_once_and_the_model_is_told(made: Made, error: str, told: str) -> None:
    result = both(made, AGENT % f"{{at: 'tool:lookup', error: {error}, times: 1}}")
    assert result.run is not None
    tools = [step for step in result.run.steps if step.kind == "tool"]
    assert len(tools) == 2
    assert tools[0].error is not None
    assert tools[0].error["text"] == told
    assert tools[1].error is None
    told_model = result.run.steps[2].request.messages[-1][1]["content"]
    assert told_model == f"Error: {told}"
    assert "manager" in result.run.text


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("timeout", "did not answer in time"),
        ("rate_limit", "too many requests"),
        ("no luck", "no luck"),
    ],
)
def test_a_model_fails_and_the_target_lets_it_through(made: Made, error: str, told: str) -> None:
    result = made(CHAIN % f"{{at: model, error: {error}}}")["a"]
    assert result.status == "error"
    assert told in result.error
    assert result.run is not None
    assert result.run.turns[0].error is not None


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("return: Other.", "Other."),
        ("mutate: truncate", "Hold the button "),
        ("mutate: empty", ""),
        ("mutate: garble", "dloH eht nottub rof net sdnoces."),
        ("finish: length", "Hold the button "),
    ],
)
def test_an_answer_is_another_one(made: Made, fault: str, text: str) -> None:
    result = both(made, CHAIN % f"{{at: model, {fault}}}")
    assert result.run is not None
    assert result.run.text == text


def test_the_recording_holds_what_really_came(made: Made, project: Project) -> None:
    both(made, CHAIN % "{at: model, mutate: empty}")
    assert "Hold the button for ten seconds." in project.cassette("a").read_text()
    # So another fault needs no new recording, and none at all gives the real answer.
    result = made(CHAIN % "{at: model, mutate: garble}")["a"]
    assert result.status == "passed"
    assert result.run is not None
    assert result.run.text.startswith("dloH")
    plain = made(CHAIN % "")["a"]
    assert plain.run is not None
    assert plain.run.text == "Hold the button for ten seconds."


def test_a_fault_that_changes_a_later_request_is_drift(made: Made) -> None:
    assert made(AGENT % "")["a"].status == "recorded"
    result = made(AGENT % "{at: 'tool:lookup', mutate: number*10}")["a"]
    assert result.status == "drift"
    assert result.drift is not None
    assert result.drift.what == "tool result"
    assert "order [-7-]{+70+} was $[-842-]{+8420+}" in str(result.drift)


def test_the_second_call_only(made: Made) -> None:
    result = both(made, AGENT % "{at: 'model#2', return: Second.}")
    assert result.run is not None
    assert result.run.text == "Second."
    assert [step.kind for step in result.run.steps] == ["model", "tool", "model"]


def test_a_tool_call_is_returned(made: Made, project: Project) -> None:
    fault = "{at: 'model#1', return: {tool_calls: [{name: lookup, args: {order: '7'}}]}}"
    result = both(made, AGENT % fault)
    assert result.run is not None
    assert result.run.steps[0].reply["message"]["tool_calls"][0]["name"] == "lookup"
    assert "manager" in result.run.text


def test_stale_gives_the_answer_before(made: Made) -> None:
    text = HEAD + (
        "- {id: a, chat: chat, model: talk, turns: [{user: I am Ada.}, {user: 'What is my name?'}],"
        " faults: [{at: 'model#2', mutate: stale}]}\n"
    )
    result = both(made, text)
    assert result.run is not None
    assert result.run.text == "Hello Ada, nice to meet you."


@pytest.mark.parametrize(
    ("fault", "cited"),
    [
        ("drop: reset", ["fill"]),
        ("drop: manual.md", []),
        ("inject: {doc: {id: new, text: Press it twice.}, rank: 1}", ["new", "reset", "fill"]),
        ("inject: {doc: Press it twice., rank: 9}", ["reset", "fill", None]),
        ("return: [{id: only, text: Nothing.}]", ["only"]),
    ],
)
def test_documents_go_and_come(made: Made, fault: str, cited: list[str | None]) -> None:
    result = both(made, RAG % f"{{at: retriever, {fault}}}")
    assert result.run is not None
    assert result.run.output["citations"] == cited


def test_a_retriever_fails(made: Made) -> None:
    result = made(RAG % "{at: retriever, error: timeout}")["a"]
    assert result.error.startswith("TimeoutError")


def test_a_delay_passes_virtual_time_only(made: Made) -> None:
    text = CHAIN.replace("fragile", "dated") % "{at: model, delay: 3m}"
    result = both(made, text)
    assert result.run is not None
    assert result.run.text.endswith(" late")
    assert 180 < result.run.seconds < 200
    without = made(text.replace("3m", "1ms"))["a"]
    assert without.run is not None
    assert not without.run.text.endswith(" late")


def test_a_fault_that_is_never_reached_fails(made: Made) -> None:
    result = made(CHAIN % "{at: 'model#4', error: timeout}")["a"]
    assert result.status == "failed"
    assert result.failures[0].path == "faults[0]"
    assert result.failures[0].expected == "a call to model#4"


def test_always(made: Made) -> None:
    text = HEAD + (
        "- {id: a, chat: chat, model: talk, turns: [{user: a}, {user: b}],"
        " faults: [{at: model, return: Same., times: always}]}\n"
    )
    result = both(made, text)
    assert result.run is not None
    assert [turn.text for turn in result.run.turns] == ["Same.", "Same."]
    assert result.replayed_calls == 0


def test_stubbed_and_live_tools(made: Made, project: Project) -> None:
    text = "agentlab: 1\ntools: {lookup: HOW}\n" + (AGENT % "")[len("agentlab: 1\n") :]
    result = both(made, text.replace("HOW", "{stub: order 7 was $842 and is lost}"))
    import shop

    assert shop.MADE == []
    assert result.run is not None
    assert [step.kind for step in result.run.steps] == ["model", "tool", "model"]
    assert result.run.steps[1].reply == "order 7 was $842 and is lost"
    live = made(text.replace("HOW", "run"), "all")["a"]
    assert live.status == "recorded"
    again = made(text.replace("HOW", "run"))["a"]
    assert again.status == "passed"
    assert shop.MADE == ["lookup", "lookup"]
    assert again.run is not None
    assert [step.kind for step in again.run.steps] == ["model", "tool", "model"]
