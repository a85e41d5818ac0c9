"""Sentences, citations, faithfulness and relevance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings

from agentlab.evaluation import (
    CosineSupport,
    Statement,
    answer_relevance,
    citation_scores,
    faithfulness,
    statements,
    word_and_number_overlap,
    word_overlap,
)


def test_sentences_and_what_they_cite() -> None:
    assert statements("It is red [1]. Dr. Mann lied, e.g. to Brand [2][3]. Why? [1, 3; 5]") == [
        Statement("It is red.", (1,)),
        Statement("Dr. Mann lied, e.g. to Brand.", (2, 3)),
        Statement("Why?", (1, 3, 5)),
    ]
    assert statements("A fact. [1] Another. [2-4]\n- a point [7][7]\n\n***\n") == [
        Statement("A fact.", (1,)),
        Statement("Another.", (2, 3, 4)),
        Statement("- a point", (7,)),
    ]
    # A sentence may begin with a mark of its own.
    assert statements("Yes. [1] says so.") == [Statement("Yes."), Statement("says so.", (1,))]
    assert statements("是。对。") == [Statement("是。"), Statement("对。")]
    assert statements(" \n [1]") == []
    assert statements("See [1-999999].")[0].citations == (1, 999999)


@given(st.text(alphabet="ab .!?\n[]123,-", max_size=80))
def test_no_letter_is_lost(text: str) -> None:
    letters = "".join(statement.text for statement in statements(text))
    for sign in "ab":
        assert letters.count(sign) == text.count(sign)


def holds(passage: str, statement: str) -> float:
    """Each word of the statement is in the passage: what an ideal judge of these words says."""
    return float(set(statement.strip(".").split()) <= set(passage.split()))


PASSAGES = ["a b", "b c", "x", "a b c"]


@pytest.mark.parametrize(
    ("answer", "recall", "precision"),
    [
        ("a b [1].", 1, 1),
        ("a b.", 0, 0),  # cites nothing
        ("a b [9].", 0, 0),  # out of range: not even counted as a citation
        ("a b [0].", 0, 0),
        ("x y [3].", 0, 0),  # not supported
        ("a b c [1][2].", 1, 1),  # only together
        ("a b [1][3].", 1, 1 / 2),  # the second is of no use
        ("a b [1][4].", 1, 1),  # each alone: both of use, though one would do
        ("a b c [1][3].", 0, 0),  # not even together; two citations of no use
        ("a b [1]. x [3]. c.", 2 / 3, 1),
        ("a b [1]. x [1].", 1 / 2, 1 / 2),
        ("a b [1][1].", 1, 1),
        ("", 0, 0),
    ],
)
def test_citations_as_alce_defines_them(answer: str, recall: float, precision: float) -> None:
    found = citation_scores(answer, PASSAGES, holds)
    assert found.recall == pytest.approx(recall)
    assert found.precision == pytest.approx(precision)
    expected_f1 = 2 * recall * precision / (recall + precision) if recall + precision else 0
    assert found.f1 == pytest.approx(expected_f1)


def test_verdicts_tell_which_citation_is_of_use() -> None:
    (verdict,) = citation_scores("a b [1][3].", PASSAGES, holds).verdicts
    assert verdict.supported
    assert verdict.useful == (1,)


def test_statements_may_be_given_and_citations_limited() -> None:
    said = [Statement("a b c", (1, 3, 2))]
    assert citation_scores(said, PASSAGES, holds).recall == 1
    assert citation_scores(said, PASSAGES, holds, at_most=2).recall == 0


def test_overlap() -> None:
    assert word_overlap("The film runs for 169 minutes.", "It runs 169 minutes.") == 1
    assert word_overlap("The film runs for 169 minutes.", "It runs 90 minutes.") == pytest.approx(
        2 / 3
    )
    assert word_and_number_overlap("It runs 169 minutes.", "It runs 90 minutes.") == 0
    assert word_and_number_overlap("It runs 169 minutes.", "It runs for minutes.") == 1
    assert word_overlap("anything", "it is") == 0


class Letters(Embeddings):
    """How often each letter comes: a deterministic stand-in, which counts what it embeds."""

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.embedded += texts
        return [[float(text.count(letter)) for letter in "abcxyz"] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        raise AssertionError("both sides are documents")


def test_support_by_embeddings_takes_the_best_window_and_embeds_once() -> None:
    embeddings = Letters()
    support = CosineSupport(embeddings, window=1)
    assert support("aaa bbb. xxx. yyy.", "xx") == pytest.approx(1)
    assert support("aaa bbb. xxx. yyy.", "zz") == 0
    assert sorted(embeddings.embedded) == ["aaa bbb.", "xx", "xxx.", "yyy.", "zz"]
    assert CosineSupport(embeddings, window=0)("aaa. xxx.", "xx") == pytest.approx(0.5**0.5)
    assert support("", "xx") == 0
    assert support("xx", " ") == 0


@pytest.mark.parametrize(("window", "count"), [(1, 7), (2, 7), (3, 7), (4, 7), (3, 2), (4, 6)])
def test_windows_leave_no_sentence_out(window: int, count: int) -> None:
    embeddings = Letters()
    passage = " ".join(f"a{n}." for n in range(count))
    CosineSupport(embeddings, window=window)(passage, "b")
    seen = " ".join(embeddings.embedded)
    assert all(f"a{n}." in seen for n in range(count))
    assert all(len(text.split()) <= window for text in embeddings.embedded)


def test_faithfulness() -> None:
    found = faithfulness("a b. x. z.", ["a b", "x x"], holds)
    assert found.score == pytest.approx(2 / 3)
    assert found.statements == (("a b.", 1.0), ("x.", 1.0), ("z.", 0.0))
    assert faithfulness("a b.", [], holds).score == 0
    assert faithfulness("", ["a"], holds).score == 0


def test_relevance_leaves_marks_out() -> None:
    assert answer_relevance("aab", "aab [1]", Letters()) == pytest.approx(1)
    assert answer_relevance("aab", "xyz", Letters()) == 0
    assert answer_relevance("aab", "[1]", Letters()) == 0
