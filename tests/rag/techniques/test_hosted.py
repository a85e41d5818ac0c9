"""The techniques with OpenAI's and Cohere's models, each against a server on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from agentlab.errors import InvalidOutput
from agentlab.events import ToolCall, Warned
from agentlab.models import openai
from agentlab.rag import create_rag
from agentlab.rag.techniques import Route, corrective, multi_hop, multi_query, rewrite, route
from tests.rag.techniques.parts import Words, cited
from tests.support import cohere_server as cohere_support
from tests.support.hosted import KEY, Lab, lab
from tests.support.openai_server import OpenAIServer

__all__ = ["lab"]

QUESTION = "In which town was the director of the film Gull born?"
BORN = "Mara Lind was born in Tromso."


def decides(lab: Lab, *values: Any) -> None:
    for value in values:
        lab.server.reply(json.dumps(value))


Answers = Callable[[str, int], None]


@pytest.fixture
def answers(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Let the provider's model answer from documents, in the form that is its own."""

    def reply(text: str, number: int) -> None:
        if lab.name == "openai":
            decides(lab, cited(text, number))
            return
        sources = [{"type": "document", "id": str(number)}]
        citation = {"start": 0, "end": len(text), "text": text, "sources": sources}
        monkeypatch.setattr(cohere_support, "CITATION", citation)
        lab.server.reply(text)

    return reply


def ids(found: Any) -> list[str]:
    return [document.id for document in found]


def test_a_query_is_rewritten(lab: Lab) -> None:
    decides(lab, {"query": "leave of an employee"})
    words = Words()
    talk = [("user", "Has an employee paid leave?"), ("assistant", "Yes.")]
    rewrite(lab.model(), words).invoke({"input": "And how much of it?", "history": talk})
    assert "leave of an employee" in words.asked
    assert "response_format" in lab.bodies[0]


def test_several_queries_are_asked(lab: Lab) -> None:
    decides(lab, {"queries": ["Sales of Arle in 2020", "Sales of Arle in 2023"]})
    found = multi_query(lab.model(), Words(), k=3).invoke("How did Arle do?")
    assert set(ids(found)) == {"sales20", "sales23"}


async def test_hops_lead_to_one_another(lab: Lab, answers: Answers) -> None:
    hop = {"fact": "Gull was directed by Mara Lind.", "queries": ["Where was Mara Lind born?"]}
    decides(lab, hop, {"fact": BORN, "queries": []})
    answers(BORN, 2)
    result = await multi_hop(lab.model(), Words()).ainvoke(QUESTION)
    assert result["answer"] == "Mara Lind was born in Tromso [2]."
    assert [citation["id"] for citation in result["citations"]] == ["lind"]
    assert result["usage"]["model_calls"] == len(lab.bodies) == 3
    assert result["usage"]["input_tokens"] == 27


def test_a_model_chooses_the_route(lab: Lab) -> None:
    decides(lab, {"routes": ["house"]})
    chosen = route(
        {"house": Route(Words(), "the pump"), "handbook": Route(Words(), "rules")},
        model=lab.model(),
    )
    assert chosen.search("When does it run?").routes == ("house",)
    assert '"handbook"' in json.dumps(lab.bodies[0]["response_format"])


def test_weak_evidence_is_searched_again(lab: Lab) -> None:
    first = {"relevant": [], "enough": False, "query": "paid leave of employees"}
    decides(lab, first, {"relevant": [1], "enough": True, "query": ""})
    found = corrective(lab.model(), Words()).invoke("Does the pump have holidays?")
    assert ids(found) == ["leave"]


def test_an_agent_searches(lab: Lab, answers: Answers) -> None:
    for query in ("director of Gull", "Mara Lind born"):
        lab.server.reply("", tool_calls=[("search_documents", {"query": query})])
    lab.server.reply("Tromso")
    answers(BORN, 2)
    events = list(create_rag(lab.model(), Words(), techniques=["agentic"]).stream(QUESTION))
    assert sum(isinstance(event, ToolCall) for event in events) == 2
    assert events[-1].value["answer"] == "Mara Lind was born in Tromso [2]."


@pytest.mark.parametrize("said", ["Tromso, I think.", '{"queries": "all"}', '{"queries": ["a'])
def test_what_is_no_decision_is_told_and_the_question_searched(lab: Lab, said: str) -> None:
    lab.server.reply(said)
    words = Words()
    events = list(multi_query(lab.model(), words).stream("When does the pump run?"))
    assert any(isinstance(event, Warned) for event in events)
    assert words.asked == ["When does the pump run?"]


def test_an_answer_that_does_not_fit_is_an_error(openai_server: OpenAIServer) -> None:
    openai_server.reply('{"sentences": "Tromso"}')
    model = openai.create("test", base_url=openai_server.url, api_key=KEY)
    with pytest.raises(InvalidOutput, match="sentences"):
        create_rag(model, Words()).invoke(QUESTION)
