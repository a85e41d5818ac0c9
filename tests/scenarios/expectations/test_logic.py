"""``any``, ``not`` and mappings: the laws of logic, for values and for runs."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agentlab.scenarios.expectations import check, compile_expect
from tests.scenarios.expectations.runs import failures, met, said

LETTERS = "abc"
KEYS = st.sampled_from(["contains", "icontains", "startswith", "equals", "regex"])
some = st.text(LETTERS, min_size=1, max_size=2)
leaf = st.one_of(
    st.builds(lambda key, text: {key: text}, KEYS, some),
    st.builds(lambda n: {"lines": n}, st.integers(0, 2)),
    st.builds(lambda texts: {"in": texts}, st.lists(some | st.just(""), min_size=1, max_size=2)),
)
expectations = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"not": part}, inner),
        st.builds(lambda a, b: {**a, **b}, inner, inner),
    ),
    max_leaves=6,
)
texts = st.text(LETTERS + "A\n", max_size=4)


def oracle(raw: Any, text: str) -> bool:
    """What the mapping means, straightforwardly."""
    lines = [line for line in text.splitlines() if line.strip()]
    meaning = {
        "contains": lambda v: v in text,
        "icontains": lambda v: v.casefold() in text.casefold(),
        "startswith": lambda v: text.startswith(v),
        "equals": lambda v: text == v,
        "regex": lambda v: re.search(v, text) is not None,
        "lines": lambda v: len(lines) == v,
        "in": lambda v: text in v,
        "any": lambda v: any(oracle(part, text) for part in v),
        "not": lambda v: not oracle(v, text),
    }
    return all(meaning[key](value) for key, value in raw.items())


@given(expectations, texts)
def test_a_mapping_means_what_it_says(raw: Any, text: str) -> None:
    assert met(raw, text) == oracle(raw, text)


@given(expectations, texts)
def test_not_is_the_complement(raw: Any, text: str) -> None:
    assert met({"not": raw}, text) != met(raw, text)
    assert met({"not": {"not": raw}}, text) == met(raw, text)


@given(expectations, expectations, texts)
def test_de_morgan(a: Any, b: Any, text: str) -> None:
    neither = met({"not": {"any": [a, b]}}, text)
    assert neither == (met({"not": a}, text) and met({"not": b}, text))
    assert met({"any": [a, b]}, text) == met({"any": [b, a]}, text)
    assert met({"any": [a]}, text) == met(a, text)


@given(expectations, texts)
def test_values_obey_the_same_laws(raw: Any, text: str) -> None:
    run = said("", {"v": text})
    assert met({"at": {"$.v": raw}}, run) == oracle(raw, text)
    assert met({"at": {"$.v": {"not": raw}}}, run) != met({"at": {"$.v": raw}}, run)


@given(expectations, texts)
def test_every_failure_says_something(raw: Any, text: str) -> None:
    for failure in failures(raw, text):
        assert failure.path.startswith("expect.")
        assert failure.expected
        assert failure.got


def test_any_tells_why_none_holds() -> None:
    raw = {"any": [{"equals": "a"}, {"contains": "zz", "lines": 1}]}
    (failure,) = failures(raw, "b")
    assert failure.path == "expect.any"
    assert failure.expected == 'any of: "a" | contains "zz" and a number of lines: 1'
    assert failure.message == 'none of 2 holds: expected "a"; expected contains "zz"'


def test_all_failures_come_in_the_order_of_the_file() -> None:
    found = failures({"contains": "x", "lines": 3, "startswith": "y"}, "z")
    assert [f.path for f in found] == ["expect.contains", "expect.lines", "expect.startswith"]


def test_the_place_of_a_turn() -> None:
    expectation = compile_expect({"any": [{"equals": "a"}]}, "turns[1].expect")
    (failure,) = check(expectation, said("b"))
    assert failure.path == "turns[1].expect.any"
