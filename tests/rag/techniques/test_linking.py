"""Links: what the best documents name is looked up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import Field

from agentlab import handling
from agentlab.errors import ConfigError
from agentlab.events import Usage, Warned
from agentlab.rag.techniques import Budget, as_text, compose, corrective, links, route
from tests.rag.techniques.parts import Failing, saying

QUESTION = "Where was the director of Gull born?"
PAGES = {
    "Gull": "It is a film of Mara Lind with Otto Vik, Ann Berg and Ola Dahl.",
    "Gulls": "They are birds of the sea.",
    "Ann Berg": "She is a singer.",
    "Mara Lind (director)": "She is a director who was born in Tromso.",
    "Vik": "A town.",
}
FINDS = {
    QUESTION: ["Gull", "Gulls"],
    "Mara Lind": ["Mara Lind (director)", "Ann Berg"],
    "Otto Vik": ["Gulls", "Vik"],
    "Ann Berg": ["Vik", "Ann Berg"],
}


class Pages(BaseRetriever):
    """Finds what :data:`FINDS` says; keeps what it was asked."""

    titled: bool = True
    asked: list[str] = Field(default_factory=list)

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        self.asked.append(query)
        return [self.page(title) for title in FINDS.get(query, [])]

    def page(self, title: str) -> Document:
        """The document of ``title``."""
        return Document(PAGES[title], id=title, metadata={"title": title} if self.titled else {})


def ids(documents: list[Document]) -> list[str | None]:
    return [document.id for document in documents]


def test_what_the_best_documents_name_is_added_the_nearest_first() -> None:
    pages = Pages()
    found = links(pages, k=9).search(QUESTION)
    assert ids(found.documents) == ["Gull", "Mara Lind (director)", "Gulls", "Vik", "Ann Berg"]
    assert found.joint
    assert pages.asked == [QUESTION, "Mara Lind", "Otto Vik", "Ann Berg", "Ola Dahl"]
    assert as_text(found.plan).splitlines()[2] == (
        f"  links: {QUESTION} -> 3 of 4 names have a document"
    )
    assert ids(links(Pages()).invoke(QUESTION)) == ["Gull", "Mara Lind (director)"]


def test_asynchronously_it_is_the_same() -> None:
    search = links(Pages(), k=9)
    assert asyncio.run(search.ainvoke(QUESTION)) == search.invoke(QUESTION)


def test_its_searches_are_bounded() -> None:
    pages = Pages()
    links(pages, most=2).invoke(QUESTION)
    assert len(pages.asked) == 3
    pages.asked.clear()
    links(pages, read=1).invoke("Gulls?")
    assert pages.asked == ["Gulls?"]
    search = links(pages)
    search.budget = Budget(searches=2)
    pages.asked.clear()
    search.invoke(QUESTION)
    assert len(pages.asked) == 2


def test_without_titles_nothing_is_looked_up() -> None:
    pages = Pages(titled=False)
    assert ids(links(pages).invoke(QUESTION)) == ["Gull", "Gulls"]
    assert pages.asked == [QUESTION]


def test_a_look_up_that_fails_is_told() -> None:
    with handling(Failing("retrieve", 2, error=TimeoutError("too slow"))):
        events = list(links(Pages(), k=9).stream(QUESTION))
    assert [e.message for e in events if isinstance(e, Warned)] == [
        "a search for a name failed: too slow"
    ]
    assert "Mara Lind (director)" not in ids(events[-1].value.documents)  # type: ignore[attr-defined]


def test_names_are_looked_up_plainly_whatever_it_stands_over() -> None:
    pages = Pages()
    inner = corrective(saying({"relevant": [1], "enough": True, "query": ""}), pages)
    events = list(links(inner, k=9).stream(QUESTION))
    assert pages.asked == [QUESTION, "Mara Lind", "Otto Vik", "Ann Berg", "Ola Dahl"]
    assert [event.model_calls for event in events if isinstance(event, Usage)] == [1]
    pages.asked.clear()
    routed = route({"pages": pages}, model=saying({"routes": ["pages"]}), by="model")
    found = links(routed, k=9).search(QUESTION)
    assert pages.asked == [QUESTION, "Mara Lind", "Otto Vik", "Ann Berg", "Ola Dahl"]
    assert (found.routes, len(found.documents)) == (("pages",), 5)


def test_it_stands_among_the_others() -> None:
    found = compose(saying(), Pages(), [{"links": {"k": 3}}])
    assert ids(found.invoke(QUESTION)) == ["Gull", "Mara Lind (director)", "Gulls"]


@pytest.mark.parametrize("options", [{"read": 0}, {"most": True}, {"k": -1}])
def test_wrong_values_are_told(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        links(Pages(), **options)
