"""Corrective retrieval: every document is graded, or kept."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.documents import Document

from agentlab import handling
from agentlab.errors import ConfigError, CorruptStore
from agentlab.events import Warned
from agentlab.rag.techniques import Budget, corrective
from agentlab.rag.techniques.sharing import shown_documents
from tests.rag.techniques.parts import Failing, Words, saying

MANY = {f"n{n}": f"The pump has part {n}." for n in range(9)}
QUESTION = "Which part has the pump?"


def grades(relevant: list[int], enough: bool, query: str = "") -> dict[str, Any]:
    return {"relevant": relevant, "enough": enough, "query": query}


def ids(found: Any) -> list[str]:
    return [document.id for document in found]


def test_what_comes_after_the_sixth_document_is_graded_too() -> None:
    model = saying(grades([], False), grades([3], True))
    found = corrective(model, Words(texts=MANY, k=9)).search(QUESTION)
    assert ids(found.documents) == ["n8"]
    assert "1 of 9 relevant" in found.plan["children"][1]["note"]


def test_what_was_not_graded_is_kept_behind_what_is_relevant() -> None:
    search = corrective(saying(grades([2], False)), Words(texts=MANY, k=9), 0)
    search.budget = Budget(model_calls=1)
    assert ids(search.invoke(QUESTION)) == ["n1", "n6", "n7", "n8"]
    search = corrective(saying(grades([], False)), Words(texts=MANY, k=9), 0)
    search.budget = Budget(model_calls=1)
    assert ids(search.invoke(QUESTION)) == ["n6", "n7", "n8"]
    search.budget = Budget(model_calls=0)
    assert len(search.invoke(QUESTION)) == 9


def test_without_declining_what_was_found_first_stays_first() -> None:
    search = corrective(saying(grades([], False)), Words(texts=MANY, k=9), 0, decline=False)
    search.budget = Budget(model_calls=1)
    assert ids(search.invoke(QUESTION)) == list(MANY)


@pytest.mark.parametrize("error", [TimeoutError("slow"), CorruptStore("damaged")])
def test_a_second_search_that_fails_leaves_what_was_found(error: Exception) -> None:
    search = corrective(saying(grades([1], False, "night shift")), Words())
    with handling(Failing("retrieve", 2, error=error)):
        events = list(search.stream("When does the pump run?"))
    assert any(isinstance(event, Warned) for event in events)
    assert ids(events[-1].value.documents) == ["pump"]  # type: ignore[attr-defined]


def test_chunks_of_the_default_size_are_shown_whole() -> None:
    middle = "The code of the gate is 4711."
    chunk = Document(f"{'Before it. ' * 50}{middle}{' After it.' * 50}")
    assert middle in shown_documents([chunk])[0]
    many = [Document(f"{n}. {chunk.page_content}") for n in range(30)]
    assert sum(map(len, shown_documents(many))) < 30 * 800


def test_rounds_are_a_number() -> None:
    with pytest.raises(ConfigError, match="rounds must be"):
        corrective(saying(), Words(), "one")  # type: ignore[arg-type]
