"""What is cited has to answer the question: asked of the model in the box, and scripted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.documents import Document

from agentlab import load_model
from agentlab.errors import ConfigError, ContextOverflow
from agentlab.events import Token
from agentlab.models.scripted import ScriptedChatModel
from agentlab.rag import answering, create_rag
from agentlab.rag.citing import NOT_FOUND
from agentlab.rag.relevance import Relevance, relevance_of
from tests.rag.techniques.parts import saying as json_saying
from tests.rag.test_answer import PUMP, Fixed, both, saying
from tests.rag.test_reading import Scores

CITED = [{"title": "The pump", "quote": "The pump runs at night."}]


class Sure:
    """A check with one verdict, which keeps what it was asked."""

    minimum = 0.3

    def __init__(self, share: float) -> None:
        self.share = share
        self.asked: list[tuple[str, list[str]]] = []

    def of(self, question: str, citations: Any, config: Any = None) -> float:
        self.asked.append((question, [citation["quote"] for citation in citations]))
        return self.share


def checked(monkeypatch: pytest.MonkeyPatch, share: float) -> tuple[Any, Sure]:
    sure = Sure(share)
    monkeypatch.setattr("agentlab.rag.answer.relevance_of", lambda model, minimum: sure)
    answer = [("The pump runs at night.", [1]), ("Cats sleep all day.", [2])]
    return create_rag(saying(answer, answer), both()), sure


def test_what_does_not_answer_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    rag, sure = checked(monkeypatch, 0.29)
    events = list(rag.stream("Who built the pump?"))
    result = events[-1].value
    assert (result["answer"], result["citations"], result["relevance"]) == (NOT_FOUND, [], 0.29)
    assert [event.text for event in events if isinstance(event, Token)] == [NOT_FOUND]
    assert [s["text"] for s in result["sentences"]] == [
        "The pump runs at night.",
        "Cats sleep all day.",
    ]
    assert (result["supported"], [s["sources"] for s in result["sentences"]]) == (0, [[], []])
    quotes = ["The pump runs at night.", "Cats sleep all day."]
    assert sure.asked == [("Who built the pump?", quotes)]
    assert asyncio.run(rag.ainvoke("Who built the pump?"))["answer"] == NOT_FOUND


def test_what_answers_is_shown_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    rag, _ = checked(monkeypatch, 0.3)
    events = list(rag.stream("When does the pump run?"))
    result = events[-1].value
    assert result["answer"] == "The pump runs at night [1]. Cats sleep all day [2]."
    assert "".join(e.text for e in events if isinstance(e, Token)) == result["answer"]
    assert (len(result["citations"]), result["relevance"]) == (2, 0.3)


def test_where_a_short_answer_stands_is_judged_too(monkeypatch: pytest.MonkeyPatch) -> None:
    sure = Sure(1)
    monkeypatch.setattr("agentlab.rag.answer.relevance_of", lambda model, minimum: sure)
    texts = ["Gull was directed by Mara Lind. It is long.", "Mara Lind is of Tromso. She sings."]
    found = Fixed(found=[Document(text, id=text[:4]) for text in texts])
    for short, more in (("Tromso", ["Mara Lind is of Tromso."]), ("yes", []), ("Bergen", [])):
        given = {
            "short": short,
            "sentences": [{"text": "Gull was directed by Mara Lind.", "sources": [1]}],
        }
        create_rag(json_saying(given), found, short=True).invoke("Where is Gull's director from?")
        assert sure.asked.pop()[1] == ["Gull was directed by Mara Lind.", *more]


def test_questions_that_do_not_stand_alone_are_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    rag, sure = checked(monkeypatch, 0.0)
    result = rag.invoke({"input": "And when?", "history": [("user", "Is there a pump?")]})
    assert result["answer"].startswith("The pump runs")
    assert (sure.asked, result["relevance"]) == ([], None)
    asks = answering.Answering(rag._asker, "x", [], None, 0.6, NOT_FOUND, relevance=sure)  # type: ignore[arg-type]
    asks.retrieved([PUMP], joint=True)
    assert asks._relevance is None


def test_what_does_not_fit_is_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    rag, sure = checked(monkeypatch, 0.3)

    def full(*_: Any) -> float:
        raise ContextOverflow("full", needed=9, available=8)

    monkeypatch.setattr(sure, "of", full)
    result = rag.invoke("When does the pump run?")
    assert result["answer"] == "The pump runs at night [1]. Cats sleep all day [2]."
    assert result["relevance"] is None


@pytest.mark.model
def test_the_model_gives_a_probability_and_the_minimum_decides() -> None:
    model = load_model("smollm2", max_tokens=32)
    share = Relevance(model, 0.5).of("When does the pump run?", CITED)
    other = Relevance(model, 0.5).of("Who built the bridge?", CITED)
    assert 0 < share < 1
    assert share != other
    found = Fixed(found=[Document("The pump runs at night.", id="p")])
    rag = create_rag(model, found, reranker=Scores("pump"), min_relevance=1.0)
    asked = "When does the pump run?"
    free = create_rag(model, found, reranker=Scores("pump"), min_relevance=1e-9)
    result = free.invoke(asked)
    refused = rag.invoke(asked)
    assert result["answer"] != NOT_FOUND
    assert 0 < result["relevance"] < 1
    assert (refused["answer"], refused["relevance"]) == (NOT_FOUND, result["relevance"])
    assert refused["usage"]["model_calls"] == result["usage"]["model_calls"] == 2


@pytest.mark.model
def test_the_model_in_the_box_is_asked_only_if_told_to() -> None:
    model = load_model("smollm2")
    assert relevance_of(model, "auto") is None
    assert relevance_of(model, None) is None
    other = model.model_copy(update={"spec": "gguf:other.gguf"})
    assert relevance_of(other, "auto") is not None
    assert relevance_of(other, None) is None


@pytest.mark.parametrize("wrong", [0, 1.5, True, "high"])
def test_wrong_minimums(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="min_relevance"):
        relevance_of(load_model("smollm2"), wrong)


def test_a_model_without_probabilities() -> None:
    model = ScriptedChatModel(replies=["x"])
    assert relevance_of(model, "auto") is None
    with pytest.raises(ConfigError, match="needs a local model"):
        relevance_of(model, 0.5)
