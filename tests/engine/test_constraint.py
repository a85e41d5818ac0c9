"""Grammars: what compiles, what is refused and how, and that what is decoded obeys."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentlab.engine import (
    Constraint,
    Engine,
    Piece,
    compile_choices,
    compile_grammar,
    compile_regex,
    compile_schema,
)
from agentlab.errors import GrammarError

Ask = Callable[..., list[Piece]]


@pytest.mark.parametrize(
    ("gbnf", "says"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("root ::= (", "unexpected end|expecting"),
        ("root ::= [", "unexpected end"),
        ("root ::= other", "other"),
        ('start ::= "a"', "root"),
        ('root ::= root "a" | "b"', "left recursion"),
        ('root ::= a\na ::= b\nb ::= a "x" | "y"', "left recursion"),
        ('root ::= my_rule\nmy_rule ::= "x"', "_"),
        ("root ::= " + "(" * 100_000, "deeper"),
        ('root ::= "a\0b"', "character"),
        ('root ::= "\ud800"', "character"),
        ("not a grammar", "compile"),
    ],
)
def test_bad_gbnf(gbnf: str, says: str) -> None:
    with pytest.raises(GrammarError, match=says):
        compile_grammar(gbnf)


def test_an_underscore_is_named() -> None:
    with pytest.raises(GrammarError) as caught:
        compile_grammar('root ::= my_rule | b\nmy_rule ::= "x"\nb ::= "y"')
    assert "rename my_rule" in caught.value.hint


def test_parentheses_in_text_do_not_nest() -> None:
    assert compile_grammar('root ::= "' + "(" * 500 + '" | [(] # ((((').kind == "gbnf"


def test_what_others_print_meanwhile_is_not_lost(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(GrammarError):
        compile_grammar('root ::= "unclosed')
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("pattern", ["(", "[", "(?=a)b", r"(a)\1", r"\bword\b"])
def test_bad_regex(pattern: str) -> None:
    with pytest.raises(GrammarError, match="regex"):
        compile_regex(pattern)


@pytest.mark.parametrize("choices", [[], [""], ["a", ""], "yes", [1], ["a", None]])
def test_bad_choices(choices: object) -> None:
    with pytest.raises(GrammarError, match="choices"):
        compile_choices(choices)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "text"}, "text"),
        ({"not": {"type": "string"}}, "not"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"type": "array", "contains": {}}, "contains"),
        ({"if": {}, "then": {}}, "if"),
        ({"type": "string", "format": "haiku"}, "haiku"),
        ({"type": "string", "pattern": "(?=a)"}, "look-around"),
        ({"$ref": "#/$defs/Nowhere"}, "Nowhere"),
        ({"$ref": "http://example.com/schema"}, "example.com"),
        ({"enum": []}, "empty"),
        ({"type": "integer", "minimum": 2, "maximum": 1}, "minimum"),
        ({"type": object}, "JSON"),
    ],
)
def test_schemas_that_cannot_be_decoded_under(schema: dict[str, object], says: str) -> None:
    with pytest.raises(GrammarError, match=says):
        compile_schema(schema)


def accepts(engine: Engine, constraint: Constraint, text: str) -> bool:
    matcher = constraint.matcher(engine.weights)
    for token in engine.weights.tokenize(text):
        if not matcher.allows(token):
            return False
        matcher.accept(token)
    (end,) = engine.weights.tokenize("<|im_end|>", special=True)
    return matcher.finished or matcher.allows(end)


@pytest.mark.model
def test_choices_letter_by_letter(engine: Engine) -> None:
    choices = ["a b", "c-d", "e#f", "g\nh", "é?", "x<y>z", "yes", "yesterday", "(.*)"]
    constraint = compile_choices(choices)
    assert all(accepts(engine, constraint, choice) for choice in choices)
    assert not any(accepts(engine, constraint, text) for text in ("a", "zzz", "", "yes!"))


@pytest.mark.model
@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "object", "minProperties": 1}, {}),
        ({"type": "object", "maxProperties": 1}, {"a": 1, "b": 2}),
        ({"type": "array", "prefixItems": [{"type": "integer"}], "items": False}, [1, 2]),
        ({"type": "number", "multipleOf": 0.5}, 0.3),
        ({"type": "string", "pattern": "^a"}, "ba"),
        ({"type": "string", "format": "date"}, "tomorrow"),
        ({"minimum": 3}, 1),
        ({"enum": [1, "a", None]}, "b"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, {"a": "b"}),
    ],
)
def test_keywords_are_kept_to(engine: Engine, schema: dict[str, object], value: object) -> None:
    assert not accepts(engine, compile_schema(schema), json.dumps(value))


@pytest.mark.model
@pytest.mark.parametrize(
    ("constraint", "pattern"),
    [
        (compile_grammar('root ::= "a"{3} [xyz]'), "aaa[xyz]"),
        (compile_grammar('root ::= ("é" | "😀"){2,4}'), "[é😀]{2,4}"),
        (compile_regex(r"^\d{3}-[a-f]{2}$"), r"\d{3}-[a-f]{2}"),
        (compile_choices(["red", "green", "blue"]), "red|green|blue"),
        (compile_grammar('root ::= ""'), ""),
    ],
)
@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_answers_obey(ask: Ask, constraint: Constraint, pattern: str, temperature: float) -> None:
    import re

    given = {"constraint": constraint, "temperature": temperature, "max_tokens": 24}
    pieces = ask("Once upon a time", **given)
    assert re.fullmatch(pattern, "".join(piece.text for piece in pieces))
    assert pieces[-1].finish == "stop"
    assert ask("Once upon a time", **given)[:-1] == pieces[:-1]


@pytest.mark.model
def test_no_constraint_lets_nothing_through(ask: Ask) -> None:
    """The prompt begs for something else; only the grammar can be why it does not come."""
    free = "".join(p.text for p in ask("1, 2, 3, 4,", max_tokens=4))
    assert any(digit in free for digit in "56")
    held = ask("1, 2, 3, 4,", max_tokens=4, constraint=compile_regex("[a-z]+"))
    assert "".join(p.text for p in held).isalpha()


LEAVES = st.one_of(
    st.just({"type": "boolean"}),
    st.just({"type": "null"}),
    st.tuples(st.integers(-9, 0), st.integers(0, 99)).map(
        lambda bounds: {"type": "integer", "minimum": bounds[0], "maximum": bounds[1]}
    ),
    st.lists(st.text('abé "\\/', min_size=1, max_size=3), min_size=1, max_size=3, unique=True).map(
        lambda texts: {"enum": texts}
    ),
    st.integers(0, 4).map(lambda size: {"type": "string", "maxLength": size}),
)


def deeper(inner: st.SearchStrategy[dict[str, object]]) -> st.SearchStrategy[dict[str, object]]:
    arrays = st.tuples(inner, st.integers(0, 2)).map(
        lambda pair: {"type": "array", "items": pair[0], "maxItems": pair[1]}
    )
    objects = st.dictionaries(st.text("ab_c", min_size=1, max_size=3), inner, max_size=2).map(
        lambda fields: {
            "type": "object",
            "properties": fields,
            "required": sorted(fields)[:1],
            "additionalProperties": False,
        }
    )
    choices = st.lists(inner, min_size=1, max_size=2).map(lambda many: {"anyOf": many})
    return st.one_of(arrays, objects, choices)


@pytest.mark.model
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(schema=st.recursive(LEAVES, deeper, max_leaves=3), seed=st.integers(0, 2**32 - 2))
def test_any_bounded_schema_gives_json_that_obeys_it(
    ask: Ask, schema: dict[str, object], seed: int
) -> None:
    constraint = compile_schema(schema)
    pieces = ask("JSON:", constraint=constraint, temperature=1.5, seed=seed, max_tokens=160)
    assert pieces[-1].finish == "stop"
    jsonschema.validate(json.loads("".join(piece.text for piece in pieces)), schema)


@pytest.mark.model
def test_forced_tokens_are_ones_that_may_come(engine: Engine) -> None:
    """llguidance cuts forced text as llama.cpp does, also into tokens that it takes for no text."""
    (end,) = engine.weights.tokenize("<|im_start|>", special=True)
    matcher: Any = compile_choices(["yes, of course"]).matcher(engine.weights)
    inner = matcher._matcher

    class Cutting:
        def compute_ff_tokens(self) -> list[int]:
            return [inner.compute_ff_tokens()[0], end]

        def __getattr__(self, name: str) -> Any:
            return getattr(inner, name)

    matcher._matcher = Cutting()
    (first,) = matcher.forced()
    matcher.accept(first)
    assert matcher.allows(inner.compute_ff_tokens()[0])
