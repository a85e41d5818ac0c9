"""What is searched, and what is answered without: remarks, rewritten questions, keywords."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableLambda

from agentlab import handling
from agentlab.boundary import Call
from agentlab.errors import ConfigError
from agentlab.events import Answer, Token, Usage, Warned
from agentlab.models.scripted import ScriptedChatModel
from agentlab.rag import create_rag
from agentlab.rag.techniques import agentic, auto, rewrite, route
from agentlab.rag.techniques.remarks import is_remark
from tests.rag.techniques.parts import Failing, Words, saying

TALK = [HumanMessage("How many days of leave are there?"), AIMessage("27 days.")]


@pytest.mark.parametrize(
    "text",
    [
        "Thanks!",
        "Great. That helps!",
        "Thank you so much for your help today",
        "good morning",
        "Vielen Dank!",
        "\N{THUMBS UP SIGN}",
    ],
)
def test_remarks(text: str) -> None:
    assert is_remark(text)


@pytest.mark.parametrize(
    "text",
    [
        "Please explain the leave policy",
        "annual leave policy",
        "I need the phone number of Ola Vik",
        "hello, the leave policy please",
        "And on Sundays",
        "Is it good?",
        "yes",
        "42",
    ],
)
def test_what_may_ask_for_something_is_searched(text: str) -> None:
    assert not is_remark(text)
    words = Words()
    found = rewrite(saying({"search": False, "query": ""}), words).search(
        {"input": text, "history": TALK}
    )
    assert words.asked == [text]
    assert not found.declined


@pytest.mark.parametrize("written", ["Is leave 30 days?", "leave of 2019"])
def test_a_query_with_a_number_that_nobody_said_is_not_used(written: str) -> None:
    words = Words()
    rewrite(saying({"query": written}), words).invoke(
        {"input": "Is that for all who leave?", "history": TALK}
    )
    assert words.asked == ["Is that for all who leave?"]


def test_the_answer_to_a_remark_comes_in_pieces_and_is_bounded() -> None:
    asked: list[Any] = []

    class Seeing(Failing):
        def _look(self, call: Call) -> None:
            if call.kind == "model":
                asked.append(call)

    model = saying({"search": False, "query": ""}, {"say": "You are welcome. Ask me more."})
    rag = create_rag(model, Words(), techniques=["rewrite"])
    with handling(Seeing("model")):
        events = list(rag.stream({"input": "Thanks a lot!", "history": TALK}))
    tokens = [event.text for event in events if isinstance(event, Token)]
    assert len(tokens) > 1
    assert "".join(tokens) == events[-1].value["answer"] == "You are welcome. Ask me more."  # type: ignore[attr-defined]
    assert 0 < asked[-1].target.max_tokens <= 1000
    model.reset()

    async def run() -> list[Any]:
        return [e async for e in rag.astream({"input": "Thanks a lot!", "history": TALK})]

    told = [event.text for event in asyncio.run(run()) if isinstance(event, Token)]
    assert told == tokens


# -- over routes and agents

SAID = {"input": "And the pump, does it run at night?", "history": TALK}


def test_over_routes_the_question_is_routed_once() -> None:
    runs: list[str] = []
    words = Words()
    told = {"query": "hours of the pump at night"}
    routes = route(
        {"house": words, "order": lambda question: "sent"},
        model=saying({"routes": ["house"]}),
        by="model",
    )
    found = rewrite(saying(told), routes).search(SAID)
    assert found.routes == ("house",)
    assert sorted(words.asked) == sorted([told["query"], SAID["input"]])
    routes = route(
        {"house": words, "order": RunnableLambda(lambda q: runs.append(q) or "sent")},
        model=saying({"routes": ["order"]}),
        by="model",
    )
    assert rewrite(saying(told), routes).search(SAID).answer == "sent"
    assert runs == [told["query"]]


def test_an_agent_runs_once() -> None:
    words = Words()
    call = {"tool_calls": [{"name": "search_documents", "args": {"query": "pump"}}]}
    agent = agentic(ScriptedChatModel(replies=[call, "At night."]), words)
    rewrite(saying({"query": "hours of the pump at night"}), agent).invoke(SAID)
    assert words.asked == ["pump"]


def test_where_the_rewritten_question_is_not_found_the_original_is() -> None:
    with handling(Failing("retrieve", 1, error=TimeoutError("slow"))):
        events = list(rewrite(saying({"query": "hours of the pump"}), Words()).stream(SAID))
    assert any(isinstance(event, Warned) for event in events)
    last = events[-1]
    assert isinstance(last, Answer)
    assert [d.id for d in last.value.documents] == ["pump"]


def test_weights_are_numbers() -> None:
    with pytest.raises(ConfigError, match="weight must be"):
        rewrite(saying(), Words(), weight="high")  # type: ignore[arg-type]


# -- auto


@pytest.mark.parametrize(
    "question", ["When was St. Louis founded?", "annual leave policy", "phone number Ola Vik"]
)
def test_simple_questions_ask_no_model_before_the_answer(question: str) -> None:
    events = list(auto(saying(), Words()).stream(question))
    assert [e.model_calls for e in events if isinstance(e, Usage)] == [0]


def test_each_kind_is_declined_where_nothing_is_near() -> None:
    model = saying({"queries": ["paid leave"]})
    found = auto(model, Words(), min_similarity=0.9).search(
        "Which is older, the pump or the leave?"
    )
    assert found.declined == "no document is near the question"
    with pytest.raises(ConfigError, match="min_similarity must be"):
        auto(saying(), Words(), min_similarity="x")  # type: ignore[arg-type]


def test_what_would_be_shown_is_what_the_conversation_finds() -> None:
    model = saying({"query": "How many days of leave are paid?"})
    rag = create_rag(model, Words(), techniques=[{"rewrite": {"weight": 0}}])
    shown = rag.peek({"input": "And how many of them are paid?", "history": TALK})
    assert "27 days of paid leave" in str(shown[-1].content)
