"""Matchers of data."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from agentlab.errors import ScenarioError
from agentlab.scenarios.expectations import check, compile_expect
from tests.scenarios.expectations.runs import failures, met, said

scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b"])
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3)
    ),
    max_leaves=8,
)
numbers = st.floats(-1e6, 1e6) | st.integers(-1000, 1000)


def equal(a: Any, b: Any) -> bool:
    """Whether two JSON values are equal: Python's equality, but for true and 1."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


@given(values, values)
def test_json_is_equality(expected: Any, got: Any) -> None:
    assert met({"json": expected}, json.dumps(got)) == equal(expected, got)


@given(values)
def test_json_equals_itself_in_any_order_of_members(value: Any) -> None:
    turned = json.dumps(value, sort_keys=True, indent=1)
    assert met({"json": value}, turned)
    assert met({"at": {"$": {"equals": value}}}, turned)


@given(values, values)
def test_equals_and_json_agree_on_structured_answers(expected: Any, got: Any) -> None:
    if isinstance(expected, str) or isinstance(got, str) or got is None:
        return
    run = said(json.dumps(got), got)
    assert met({"equals": expected}, run) == met({"json": expected}, run) == equal(expected, got)


@given(numbers, numbers, st.floats(0, 100))
def test_numbers(a: float, b: float, room: float) -> None:
    text = json.dumps({"n": b})

    def at(**matcher: Any) -> bool:
        return met({"at": {"$.n": matcher}}, text)

    assert at(min=a) == (b >= a)
    assert at(max=a) == (b <= a)
    assert at(approx=a, tol=room) == (abs(a - b) <= room)
    assert at(approx=a, rel=room) == (abs(a - b) <= room * abs(a))
    assert at(approx=b)


@pytest.mark.parametrize("value", ["42", None, True, [42], math.inf])
def test_what_is_no_number_is_near_none(value: Any) -> None:
    run = said("", {"n": value})
    assert not met({"at": {"$.n": {"approx": 42, "tol": 1e9}}}, run)
    assert not met({"at": {"$.n": {"min": -1e9}}}, run)


def test_at_names_the_value_and_the_place() -> None:
    raw = {"at": {"$.amount": {"approx": 42, "tol": 0.01}, "$.kind": "billing"}}
    amount, kind = failures(raw, '{"amount": 43, "kind": "refund"}')
    assert amount.path == "expect.at.$.amount.approx"
    assert (amount.expected, amount.got, amount.message) == ("42 ± 0.01", "43", "off by 1")
    assert kind.path == "expect.at.$.kind"
    assert kind.diff == (("removed", "billing"), ("added", "refund"))


def test_all_that_a_path_selects_must_match() -> None:
    text = '{"items": [{"n": 1}, {"n": 5}]}'
    assert met({"at": {"$.items[*].n": {"max": 5}}}, text)
    (failure,) = failures({"at": {"$.items[*].n": {"max": 4}}}, text)
    assert failure.message == "at $['items'][1]['n']"
    (failure,) = failures({"at": {"$.nothing": {"max": 4}}}, text)
    assert failure.message == "there is nothing at $.nothing"
    assert met({"at": {"$.items[?@.n > 3].n": 5}}, text)


def test_a_pattern_in_a_path_has_a_time_limit_too() -> None:
    text = json.dumps(["a" * 60 + "b", "aaa"])
    assert met({"at": {"$[?match(@, 'a+')]": "aaa", "$[?search(@, 'b')]": {"contains": "b"}}}, text)
    for function in ("search", "match"):
        with pytest.raises(ScenarioError, match="cannot be followed"):
            failures({"at": {f"$[?{function}(@, '^(a|aa)+c$')]": "aaa"}}, text)


def test_matchers_stand_for_any_value_inside_json() -> None:
    raw = {"json": {"amount": {"approx": 42, "tol": 1}, "tags": ["a", {"in": ["b", "c"]}]}}
    assert met(raw, '{"tags": ["a", "c"], "amount": 42.5}')
    paths = [f.path for f in failures(raw, '{"tags": ["a", "x", "y"], "more": 1}')]
    assert paths == [
        "expect.json.amount.approx",
        "expect.json.tags[1].in",
        "expect.json.tags[2]",
        "expect.json.more",
    ]


def test_a_mapping_with_the_names_of_matchers_is_data_where_equals_says_so() -> None:
    assert met(
        {"json": {"range": {"equals": {"min": 1, "max": 2}}}}, '{"range": {"min": 1, "max": 2}}'
    )
    assert met({"json": {"min": 1, "max": 2}}, '{"min": 1, "max": 2}')


@pytest.mark.parametrize("text", ["", "not JSON", "[1,", "NaN", "[" * 100_000, '{"a": Infinity}'])
def test_a_text_that_is_not_json_meets_nothing(text: str) -> None:
    for raw in ({"json": {}}, {"at": {"$.a": 1}}, {"schema": {}}):
        (failure,) = failures(raw, text)
        assert failure.message.startswith("the answer is not JSON")


def test_deep_and_huge_values_are_compared_and_bounded() -> None:
    deep: Any = 1
    for _ in range(5_000):
        deep = [deep]
    (failure,) = failures({"equals": 1}, said("", {"v": deep}))
    assert len(failure.got) < 400
    huge = json.dumps({f"k{i}": "x" * 1000 for i in range(2_000)})
    found = failures({"json": {"a": 1}}, huge)
    assert 1 < len(found) <= 10
    told = "".join(f.path + f.expected + f.got + f.message + str(f.diff) for f in found)
    assert len(told) < 30_000
    assert met({"at": {"$.k7": {"startswith": "xx"}}}, huge)


class Ticket(BaseModel):
    kind: str
    amount: float


def test_a_pydantic_answer() -> None:
    run = said("", Ticket(kind="billing", amount=42))
    assert met({"at": {"$.kind": "billing"}, "json": {"kind": "billing", "amount": 42}}, run)


SCHEMA = {
    "type": "object",
    "properties": {"kind": {"enum": ["billing", "refund"]}, "amount": {"$ref": "#/$defs/money"}},
    "required": ["kind", "amount"],
    "$defs": {"money": {"type": "number", "minimum": 0}},
}


def test_schema_inline_and_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas/ticket.json").write_text(json.dumps(SCHEMA))
    good, bad = said('{"kind": "billing", "amount": 42}'), said('{"kind": "other", "amount": -1}')
    for raw in ({"schema": SCHEMA}, {"schema": "schemas/ticket.json"}):
        expectation = compile_expect(raw, project=tmp_path)
        assert check(expectation, good) == []
        found = check(expectation, bad)
        assert sorted(f.message.partition(":")[0] for f in found) == ["$.amount", "$.kind"]
        assert {f.path for f in found} == {"expect.schema"}


@pytest.mark.parametrize("name", ["../secret.json", "/etc/hostname", "none.json", "bad.json"])
def test_a_schema_file_is_the_projects_own(tmp_path: Path, name: str) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "secret.json").write_text("{}")
    (project / "bad.json").write_text("{")
    with pytest.raises(ScenarioError, match=r"outside the project|cannot be read|not JSON"):
        compile_expect({"schema": name}, project=project)


def test_a_schemas_pattern_has_a_time_limit_too() -> None:
    raw = {"schema": {"type": "string", "pattern": "^(a|aa)+$"}}
    with pytest.raises(ScenarioError, match="took too long"):
        failures(raw, json.dumps("a" * 60 + "b"))
