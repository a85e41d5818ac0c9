"""Exact match and token F1, with the values of SQuAD's own program."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentlab.evaluation import exact_match, normalise, token_f1


def test_normalise() -> None:
    assert normalise("The  U.S.A., an\tapple; a pie!") == "usa apple pie"
    assert normalise("theatre") == "theatre"  # an article only as a word


@pytest.mark.parametrize(
    ("answer", "truths", "match", "f1"),
    [
        ("The Beatles.", ["beatles"], 1, 1),
        ("Paris, France", ["Paris"], 0, 2 / 3),
        ("a red red car", ["red car"], 0, 2 * 2 / (3 + 2)),  # the second red counts once
        ("in 1987", ["1987", "in the year 1987"], 0, 0.8),
        ("London", ["Paris"], 0, 0),
        ("the", [""], 1, 1),  # nothing against nothing
        ("", ["Paris"], 0, 0),
        ("Paris", [], 0, 0),
    ],
)
def test_by_hand(answer: str, truths: list[str], match: float, f1: float) -> None:
    assert exact_match(answer, truths) == match
    assert token_f1(answer, truths) == pytest.approx(f1)


@given(st.text(), st.lists(st.text(), max_size=3))
def test_from_0_to_1_and_a_match_is_whole(answer: str, truths: list[str]) -> None:
    f1 = token_f1(answer, truths)
    assert 0 <= f1 <= 1
    if exact_match(answer, truths):
        assert f1 == 1
