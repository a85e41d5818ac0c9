"""Matchers of text."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentlab.errors import ScenarioError
from tests.scenarios.expectations.runs import failures, met, said

words = st.text(st.sampled_from("aAbB 1ß.\n"), max_size=12)
needles = st.text(st.sampled_from("aAbB 1ß."), min_size=1, max_size=4)


@given(words, words)
def test_equals_is_equality(expected: str, got: str) -> None:
    assert met({"equals": expected}, got) == (expected == got)


@given(needles, words)
def test_contains_and_its_kin_are_what_python_says(needle: str, text: str) -> None:
    assert met({"contains": needle}, text) == (needle in text)
    assert met({"icontains": needle}, text) == (needle.casefold() in text.casefold())
    assert met({"startswith": needle}, text) == text.startswith(needle)
    assert met({"regex": re.escape(needle)}, text) == (
        re.search(re.escape(needle), text) is not None
    )


@given(st.lists(needles, min_size=1, max_size=3), words)
def test_of_a_list_all_must_be_there(needles: list[str], text: str) -> None:
    assert met({"contains": needles}, text) == all(needle in text for needle in needles)


@given(words, st.integers(0, 5))
def test_lines_count_those_that_are_not_blank(text: str, count: int) -> None:
    lines = [line for line in text.splitlines() if line.strip()]
    assert met({"lines": count}, text) == (len(lines) == count)
    assert met({"lines": {"min": count}}, text) == (len(lines) >= count)


def test_a_difference_is_told_word_by_word() -> None:
    (failure,) = failures({"equals": "The order is 8841."}, "The order is 8814.")
    assert failure.path == "expect.equals"
    assert failure.expected == '"The order is 8841."'
    assert failure.got == '"The order is 8814."'
    assert failure.diff == (
        ("same", "The order is "),
        ("removed", "8841"),
        ("added", "8814"),
        ("same", "."),
    )


def test_white_space_and_case_are_told() -> None:
    (failure,) = failures({"equals": "yes"}, "yes\n")
    assert failure.message == "they differ only in white space at their ends"
    (failure,) = failures({"equals": "yes"}, "Yes")
    assert failure.message == "they differ only in upper and lower case"
    (failure,) = failures({"contains": "ada"}, "Hello Ada")
    assert "icontains" in failure.message


def test_a_number_is_no_text() -> None:
    (failure,) = failures({"equals": 8841}, "8841")
    assert failure.message == "the answer is text: quote the value in the file"
    assert met({"contains": 8841}, "It is 8841.")


def test_the_nearest_stretch_is_shown() -> None:
    text = "Thank you. Your order number 8814 was sent yesterday."
    (failure,) = failures({"contains": "order number 8841"}, text)
    assert ("removed", "8841") in failure.diff
    assert ("added", "8814") in failure.diff
    (failure,) = failures({"contains": "zebra"}, text)
    assert failure.diff == ()


def test_lines_one_by_one() -> None:
    raw = {"lines": ["title", {"regex": r"^\d+$"}]}
    assert met(raw, "title\n\n 12 \n")
    assert [f.path for f in failures(raw, "title\nx")] == ["expect.lines[1].regex"]
    assert [f.expected for f in failures(raw, "title\n1\n2")] == ["2 lines"]
    assert not met({"lines": []}, "x")
    assert met({"lines": []}, "\n")


def test_a_pattern_that_takes_forever_is_no_verdict() -> None:
    evil = {"regex": r"^(a|aa)+$"}
    for raw in (evil, {"not": evil}, {"any": [evil]}):
        began = time.monotonic()
        with pytest.raises(ScenarioError, match="took longer than 1 s"):
            failures(raw, "a" * 60 + "b")
        assert time.monotonic() - began < 60


def test_a_huge_answer_makes_a_small_failure() -> None:
    huge = "word " * 400_000
    for raw in ({"equals": "word"}, {"equals": "x" * 10**6}, {"contains": "zebra"}, {"regex": "z"},
                {"lines": ["x"]}, {"startswith": "z"}, {"not": {"contains": "word"}}):  # fmt: skip
        (failure, *_) = failures(raw, huge)
        told = (
            failure.expected + failure.got + failure.message + "".join(t for _, t in failure.diff)
        )
        assert len(told) < 6_000, raw


def test_what_was_not_to_be_there_is_shown_where_it_is() -> None:
    text = "x" * 500 + " the key is sk-abc123, keep it " + "y" * 500
    (failure,) = failures({"not": {"regex": r"sk-\w+"}}, text)
    assert failure.path == "expect.not"
    assert "the key is sk-abc123, keep it" in failure.got
    assert len(failure.got) < 200


def test_in_is_one_of() -> None:
    assert met({"in": ["billing", "refund"]}, "refund")
    assert not met({"in": ["billing", {"startswith": "ref"}]}, "a refund")
    assert met({"in": ["billing", {"contains": "ref"}]}, "a refund")


def test_the_text_of_a_structured_answer() -> None:
    run = said("Fine.", {"answer": "Fine.", "score": 3})
    assert met({"equals": "Fine."}, run)
    assert met({"equals": {"answer": "Fine.", "score": 3.0}}, run)
    assert [d[1] for d in failures({"equals": {"answer": "Fine.", "score": 4}}, run)[0].diff] == [
        "$.score: ",
        "4",
        "3",
    ]
