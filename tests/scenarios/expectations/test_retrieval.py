"""``retrieved`` and ``cites``."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document

from agentlab.scenarios.expectations.documents import citations, retrieved
from agentlab.scenarios.expectations.retrieval import groundedness
from agentlab.scenarios.results import Run
from tests.scenarios.expectations.runs import failures, met, said

RESET = {
    "id": "d1",
    "source": "docs/manual.md",
    "section": "Reset the pump",
    "text": "Hold the reset button for ten seconds until the lamp blinks 3 times.",
}
WEIGHT = {
    "id": "d2",
    "text": "The pump weighs 4 kilograms.",
    "metadata": {"source": "manual.md", "anchor": "weight"},
}
DOCUMENTS = (RESET, WEIGHT)
NAMES = st.sampled_from([f"d{i}" for i in range(6)])


@given(
    st.lists(NAMES, min_size=1, max_size=4, unique=True),
    st.lists(NAMES, max_size=6, unique=True),
    st.none() | st.integers(1, 6),
)
def test_metrics_are_what_they_say(wanted: list[str], found: list[str], k: int | None) -> None:
    run = said("x", documents=[{"id": name, "text": name} for name in found])
    top = found[:k]
    hits = [name for name in top if name in wanted]
    recall = len(hits) / len(wanted)
    precision = len(hits) / len(top) if top else 0.0
    mrr = next((1 / rank for rank, name in enumerate(top, 1) if name in wanted), 0.0)
    given_k = {} if k is None else {"k": k}
    for metric, value in (("recall", recall), ("precision", precision), ("mrr", mrr)):
        exact = {"approx": value, "tol": 1e-9}
        assert met({"retrieved": {metric: exact, "docs": wanted, **given_k}}, run)
        assert met({"retrieved": {metric: value, "docs": wanted, **given_k}}, run)
        if value < 1:
            assert not met({"retrieved": {metric: value + 1e-6, "docs": wanted, **given_k}}, run)


def test_a_document_found_twice_counts_once() -> None:
    run = said("x", documents=[RESET, RESET, WEIGHT])
    assert len(retrieved(run)) == 2
    assert met({"retrieved": {"docs": ["d1"], "precision": {"approx": 0.5}}}, run)


@pytest.mark.parametrize(
    "name",
    [
        "d1",
        "docs/manual.md",
        "manual.md",
        "manual.md#reset-the-pump",
        "docs/manual.md#Reset the pump",
    ],
)
def test_the_names_of_a_document(name: str) -> None:
    assert met({"retrieved": {"spans": [name], "recall": 1.0}}, said("x", documents=[RESET]))
    assert not met({"retrieved": {"spans": [name]}}, said("x", documents=[{"id": "d9"}]))


def test_what_was_not_found_is_named() -> None:
    raw = {"retrieved": {"recall": 1.0, "k": 1, "spans": ["manual.md#weight", "d1"]}}
    (failure,) = failures(raw, said("x", documents=DOCUMENTS))
    assert failure.path == "expect.retrieved.recall"
    assert failure.expected == "recall@1 at least 1"
    assert failure.got == "recall 0.5 of 1 documents"
    assert failure.message == "not found: manual.md#weight"
    assert failure.diff == (("removed", "manual.md#weight\n"), ("same", "d1\n"))


def test_documents_come_from_the_recording_where_the_target_gives_none(support_run: Run) -> None:
    assert [document.label for document in retrieved(support_run)] == ["d0", "d1"]
    assert met({"retrieved": {"docs": ["manual.md"], "mrr": 1.0}}, support_run)


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("Hold it [1].", ["d1"]),
        ("Hold it [1, 2].", ["d1", "d2"]),
        ("Hold it [manual.md#weight]. It is light [d1].", ["d2", "d1"]),
        ("See [the site](http://x.org) and [sic].", []),
        ("Hold it [7] [other.md#x].", [None, None]),
    ],
)
def test_marks(text: str, cited: list[str | None]) -> None:
    found = [
        c.document.label if c.document else None for c in citations(said(text, documents=DOCUMENTS))
    ]
    assert found == cited


@pytest.mark.parametrize(
    "given",
    [["d1"], [1], [{"id": "d1"}], [{"source": "manual.md", "section": "Reset the pump"}],
     [Document("…", id="d1")]],
)  # fmt: skip
def test_listed_citations(given: list[Any]) -> None:
    run = said("Hold it.", {"answer": "Hold it.", "citations": given}, documents=DOCUMENTS)
    assert met({"cites": {"only": "retrieved", "spans": ["d1"]}}, run)
    assert not met({"cites": {"spans": ["d2"]}}, run)


def test_what_was_not_retrieved_may_not_be_cited() -> None:
    (failure,) = failures(
        {"cites": {"only": "retrieved"}}, said("So [1] and [3].", documents=DOCUMENTS)
    )
    assert (failure.path, failure.got) == ("expect.cites.only", "3")
    (failure,) = failures({"cites": {"only": "retrieved"}}, said("So.", documents=DOCUMENTS))
    assert failure.message == "the answer cites nothing"


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("Hold the reset button for ten seconds [1].", 1.0),
        ("Hold the reset button for ten seconds [1]. The moon is made of cheese.", 0.5),
        ("The lamp blinks 3 times [1].", 1.0),
        ("The lamp blinks 4 times [1].", 0.0),  # a number that is not there
        ("The pump weighs 4 kilograms [1].", 0.0),  # another document has it, and is not cited
        ("Hold the reset button for ten seconds.", 0.0),  # cites nothing
        ("", 0.0),
    ],
)
def test_grounded(text: str, share: float) -> None:
    run = said(text, documents=DOCUMENTS)
    assert groundedness(run)[0] == share
    assert met({"cites": {"grounded": {"approx": share, "tol": 1e-9}}}, run)
    assert met({"cites": {"grounded": 0.6}}, run) == (share >= 0.6)


def test_the_sentence_that_is_not_supported_is_shown() -> None:
    text = "Hold the reset button for ten seconds [1]. The moon is made of cheese [1]."
    (failure,) = failures({"cites": {"grounded": 0.9}}, said(text, documents=DOCUMENTS))
    assert failure.message == "not supported: The moon is made of cheese."
