"""What is written wrong is told when it is read, with its place and what was expected."""

from __future__ import annotations

import contextlib
import datetime
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentlab.scenarios.expectations import ExpectationError, compile_expect, json_schema
from agentlab.scenarios.expectations.compile import EXPECTATIONS, MATCHERS
from tests.scenarios.expectations.test_logic import expectations

WRONG: list[tuple[Any, str, str, tuple[Any, ...]]] = [
    ({"contans": "x"}, "unknown key 'contans'", "did you mean contains?", ("contans",)),
    ({}, "expected a mapping of expectations, got an empty mapping", "", ()),
    ("8841", "expected a mapping of expectations, got text", "", ()),
    ({"not": {}}, "got an empty mapping", "", ("not",)),
    ({"any": []}, "expected a list of alternatives, got an empty list", "", ("any",)),
    ({"any": [{"equals": "a"}, {"eqals": "b"}]}, "expect.any[1]: unknown key 'eqals'",
     "did you mean equals?", ("any", 1, "eqals")),
    ({"min": 3}, "unknown key 'min'", "write at: {$.path: {min: …}}", ("min",)),
    ({"contains": 1.5}, "expected text, got a number", "quote it", ("contains",)),
    ({"contains": ""}, "expected text, got empty text", "", ("contains",)),
    ({"contains": ["a", None]}, "expected text, got nothing", "", ("contains", 1)),
    ({"contains": []}, "got an empty list", "", ("contains",)),
    ({"startswith": ["a"]}, "expected text, got a list", "", ("startswith",)),
    ({"regex": "("}, "not a regular expression: missing )", "", ("regex",)),
    ({"regex": 3}, "expected a regular expression, got a number", "", ("regex",)),
    ({"lines": "two"}, "expected a number or a list", "", ("lines",)),
    ({"at": {"amount": 1}}, "a JSONPath starts with $", "write $.amount", ("at", "amount")),
    ({"at": {"$.a[": 1}}, "not a JSONPath", "", ("at", "$.a[")),
    ({"at": {}}, "expected a mapping of JSONPaths", "", ("at",)),
    ({"at": {"$.a": {"mim": 1}}}, "unknown key 'mim'", "did you mean min?", ("at", "$.a", "mim")),
    ({"at": {"$.a": [1]}}, "expected a value or a matcher, got a list", "{equals: […]}",
     ("at", "$.a")),
    ({"at": {"$.a": {"tol": 1}}}, "tol stands beside approx", "", ("at", "$.a", "tol")),
    ({"at": {"$.a": {"approx": "42"}}}, "expected a number, got text", "", ("at", "$.a", "approx")),
    ({"at": {"$.a": {"approx": 1, "tol": -1}}}, "0 or more", "", ("at", "$.a")),
    ({"at": {"$.a": {"min": float("nan")}}}, "got no finite number", "", ("at", "$.a", "min")),
    ({"at": {"$.a": {"in": "b"}}}, "expected a list of values, got text", "", ("at", "$.a", "in")),
    ({"schema": {"type": "objekt"}}, "not a JSON schema: $.type", "", ("schema",)),
    ({"schema": {"$ref": "http://localhost/x"}}, "nothing is fetched", "", ("schema",)),
    ({"schema": {"$ref": "#/$defs/x"}}, "which is not in it", "", ("schema",)),
    ({"schema": {"pattern": "("}}, "not a JSON schema: $.pattern", "", ("schema",)),
    ({"schema": {"const": datetime.date(2026, 1, 1)}}, "not a JSON schema", "quote", ("schema",)),
    ({"schema": 3}, "expected a JSON schema or the name of its file", "", ("schema",)),
    ({"similar": {"min": 0.5}}, "to is missing", "", ("similar",)),
    ({"similar": {"to": "x", "min": 2}}, "from -1 to 1, got 2", "", ("similar", "min")),
    ({"judge": {"ask": "x", "q": 1}}, "unknown key 'q'", "", ("judge", "q")),
    ({"judge": {"ask": "x", "p": 80}}, "from 0 to 1, got 80", "", ("judge", "p")),
    ({"judge": {"ask": "x", "model": 3}}, "expected the name of a model", "", ("judge", "model")),
    ({"logprob": {"min_mean": 1}}, "of 0 or less, got 1", "", ("logprob", "min_mean")),
    ({"logprob": {}}, "got an empty mapping", "", ("logprob",)),
    ({"trajectory": {"inorder": []}}, "unknown key 'inorder'", "did you mean in_order?",
     ("trajectory", "inorder")),
    ({"trajectory": {"in_order": "a"}}, "expected a list of tools", "", ("trajectory", "in_order")),
    ({"trajectory": {"exact": [{"a": 1}]}}, "expected arguments by name, got a number", "",
     ("trajectory", "exact", 0, "a")),
    ({"trajectory": {"exact": [{"a": {}, "b": {}}]}}, "expected a tool", "",
     ("trajectory", "exact", 0)),
    ({"trajectory": {"calls": {"a": "1"}}}, "expected a number, got text", "",
     ("trajectory", "calls", "a")),
    ({"trajectory": {"no_repeat": False}}, "expected true", "", ("trajectory", "no_repeat")),
    ({"memory": "Ada"}, "expected matchers, got text", "{contains: …}", ("memory",)),
    ({"retrieved": {"recall": 1.0}}, "expected either spans or docs", "", ("retrieved",)),
    ({"retrieved": {"docs": ["a"], "k": 0}}, "1 or more", "", ("retrieved", "k")),
    ({"retrieved": {"docs": ["a"], "recall": 80}}, "a share from 0 to 1", "",
     ("retrieved", "recall")),
    ({"cites": {"only": "cited"}}, "expected the word retrieved", "", ("cites", "only")),
    ({"budget": {"token": 3}}, "unknown key 'token'", "did you mean tokens?", ("budget", "token")),
    ({"budget": {"usd": "1"}}, "expected a number, got text", "", ("budget", "usd")),
    ({"budget": {"tokens": -1}}, "0 or more", "", ("budget", "tokens")),
    ({"stream": {"joined": "yes"}}, "expected true, got text", "", ("stream", "joined")),
    ({"stream": {"chunks": True}}, "expected a number or {min, max}", "", ("stream", "chunks")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "message", "hint", "keys"), WRONG, ids=[str(w[0])[:40] for w in WRONG]
)
def test_a_mistake_is_told(raw: Any, message: str, hint: str, keys: tuple[Any, ...]) -> None:
    with pytest.raises(ExpectationError) as caught:
        compile_expect(raw)
    assert message in str(caught.value)
    assert hint in caught.value.hint
    assert caught.value.keys == keys
    assert "\n" not in str(caught.value)


yaml = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*EXPECTATIONS, *MATCHERS, "$.a", "to", "ask", "k", "docs", "exact"])
            | st.text(max_size=3),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(EXPECTATIONS), yaml, min_size=1, max_size=2))
def test_anything_else_is_compiled_or_refused(raw: Any) -> None:
    with contextlib.suppress(ExpectationError):
        compile_expect(raw)


VALID: list[dict[str, Any]] = [
    {"equals": {"a": 1}, "contains": ["a", 8841], "icontains": "b", "startswith": "c"},
    {"regex": [r"\d+"], "lines": {"min": 2}, "in": ["a", {"regex": "b"}]},
    {"lines": ["a", {"contains": "b"}], "json": {"a": [1, {"min": 2}]}, "schema": "a.json"},
    {"at": {"$.a": 1, "$.b": {"approx": 42, "tol": 0.01}, "$.c": {"not": {"in": [1, 2]}}}},
    {"at": {"$.d": {"any": [1, {"min": 3, "max": 4}]}, "$.e": {"at": {"$.f": None}}}},
    {"similar": {"to": "x", "min": 0.75, "model": "bge-small"}},
    {"judge": {"ask": "x?", "model": "local", "p": 0.8}, "logprob": {"min_agree": 0.9}},
    {"trajectory": {"in_order": ["a", {"b": {"n": {"approx": 1, "tol": 1}}}], "never": ["c"],
                    "calls": {"a": 1, "b": {"max": 2}}, "no_repeat": True}},
    {"memory": {"contains": "Ada"}, "stream": {"chunks": {"min": 2}, "joined": True}},
    {"retrieved": {"recall": 1.0, "precision": {"min": 0.5}, "k": 4, "spans": ["a#b"]}},
    {"cites": {"only": "retrieved", "spans": ["a#b"], "grounded": 0.6}},
    {"budget": {"tokens": 400, "model_calls": {"min": 1, "max": 6}, "usd": 0.01}},
    {"any": [{"equals": "a"}, {"not": {"contains": "b"}}], "code": "app.checks:fine"},
]  # fmt: skip


@pytest.fixture(scope="module")
def editor() -> Any:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("raw", VALID, ids=str)
def test_the_editors_schema_takes_what_is_right(editor: Any, raw: Any, tmp_path: Any) -> None:
    (tmp_path / "a.json").write_text("{}")
    compile_expect(raw, project=tmp_path)
    editor.validate(raw)


@given(expectations)
def test_the_editors_schema_takes_every_expectation(raw: Any) -> None:
    compile_expect(raw)
    jsonschema.validate(raw, json_schema())


@pytest.mark.parametrize("raw", [w[0] for w in WRONG], ids=str)
def test_the_editors_schema_refuses_what_has_a_wrong_form(editor: Any, raw: Any) -> None:
    """All but what only compiling can tell: patterns, paths, schemas, keys that need each other."""
    beyond = ("not a regular", "not a JSONPath", "not a JSON schema", "no finite number")
    with pytest.raises(ExpectationError) as caught:
        compile_expect(raw)
    if any(part in str(caught.value) for part in beyond):
        return
    assert not editor.is_valid(raw)


def test_the_editors_schema_knows_every_key() -> None:
    defs = json_schema()["$defs"]
    assert set(defs["expect"]["properties"]) == set(EXPECTATIONS)
    assert set(defs["matcher"]["properties"]) == set(MATCHERS)
    assert all(part.get("description") for part in defs["expect"]["properties"].values())
