"""Answers held to a form: schemas, grammars, regular expressions, choices."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal, TypedDict

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from pydantic import BaseModel, Field

from agentlab.errors import ConfigError, GrammarError, InvalidOutput

Short = Annotated[str, Field(max_length=12)]


class Person(BaseModel):
    """Somebody."""

    name: Short
    age: int = Field(ge=0, le=120)
    role: Literal["cook", "clerk"]


class Place(TypedDict):
    """Somewhere."""

    name: Literal["Rome", "Oslo"]
    warm: bool


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(ge=1, le=9)


class Dog(BaseModel):
    kind: Literal["dog"]
    good: bool


class Owner(BaseModel):
    pet: Cat | Dog = Field(discriminator="kind")


class Tree(BaseModel):
    value: int = Field(ge=0, le=9)
    parts: list[Tree] = Field(max_length=1)


PLAIN = {"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"]}


@pytest.fixture(scope="session")
def model(smollm2: BaseChatModel) -> BaseChatModel:
    return smollm2.model_copy(update={"n_ctx": 768, "n_batch": 8, "seed": 5, "max_tokens": 64})


@pytest.mark.model
class TestStructuredOutput:
    def test_pydantic(self, model: BaseChatModel) -> None:
        for seed in (1, 2):
            hot = model.model_copy(update={"temperature": 1.5, "seed": seed})
            assert isinstance(hot.with_structured_output(Person).invoke("Ann, a cook, 30"), Person)

    def test_typed_dict(self, model: BaseChatModel) -> None:
        place = model.with_structured_output(Place).invoke("Rome is warm.")
        assert isinstance(place, dict)
        assert set(place) == {"name", "warm"}

    def test_json_schema_without_a_title(self, model: BaseChatModel) -> None:
        schema = {**PLAIN, "additionalProperties": False}
        assert model.with_structured_output(schema).invoke("One or two?")["n"] in (1, 2)

    def test_tagged_unions(self, model: BaseChatModel) -> None:
        owner = model.with_structured_output(Owner).invoke("She has a dog.")
        assert isinstance(owner, Owner)

    async def test_asynchronously(self, model: BaseChatModel) -> None:
        assert isinstance(await model.with_structured_output(Person).ainvoke("Ann"), Person)

    def test_include_raw(self, model: BaseChatModel) -> None:
        found = model.with_structured_output(Person, include_raw=True).invoke("Ann, a cook, 30")
        assert isinstance(found, dict)
        assert isinstance(found["raw"], AIMessage)
        assert found["parsed"] == Person.model_validate_json(found["raw"].text)
        assert found["parsing_error"] is None

    def test_too_few_tokens(self, model: BaseChatModel) -> None:
        few = model.model_copy(update={"max_tokens": 5})
        with pytest.raises(InvalidOutput, match="tokens") as caught:
            few.with_structured_output(Person).invoke("Ann")
        assert caught.value.text.startswith('{"name": "')
        assert "max_tokens" in caught.value.hint
        raw = few.with_structured_output(Person, include_raw=True).invoke("Ann")
        assert isinstance(raw, dict)
        assert raw["parsed"] is None
        assert isinstance(raw["parsing_error"], InvalidOutput)


class TestBeforeAnyCall:
    """All of these are refused when they are put together, not when called."""

    def test_recursive_and_nested_schemas_compile(self, model: BaseChatModel) -> None:
        model.with_structured_output(Tree)

    @pytest.mark.parametrize(
        "schema",
        [
            {"type": "array", "uniqueItems": True},
            {"not": {}},
            {"type": "nothing"},
            {"type": "object", "properties": {"a": {"$ref": "#/$defs/Gone"}}},
            int,
        ],
    )
    def test_schemas(self, model: BaseChatModel, schema: Any) -> None:
        with pytest.raises(GrammarError):
            model.with_structured_output(schema)

    @pytest.mark.parametrize("schema", [5, "Person", None])
    def test_what_is_no_schema(self, model: BaseChatModel, schema: Any) -> None:
        with pytest.raises(ConfigError, match="schema"):
            model.with_structured_output(schema)

    @pytest.mark.parametrize("given", [{"method": "function_calling"}, {"strict": True}])
    def test_ways_of_hosted_models(self, model: BaseChatModel, given: dict[str, Any]) -> None:
        with pytest.raises(ConfigError, match=next(iter(given))):
            model.with_structured_output(Person, **given)

    @pytest.mark.parametrize(
        "given",
        [
            {"grammar": ""},
            {"grammar": "root ::= ("},
            {"grammar": 'root ::= my_rule\nmy_rule ::= "a"'},
            {"grammar": 'root ::= root "a" | "b"'},
            {"grammar": 5},
            {"regex": "("},
            {"regex": None, "grammar": "x"},
            {"choices": []},
            {"choices": "yes"},
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"not": {}}}}},
        ],
    )
    def test_grammars(self, model: BaseChatModel, given: dict[str, Any]) -> None:
        with pytest.raises(GrammarError):
            model.bind(**given)

    @pytest.mark.parametrize(
        "given",
        [
            {"grammar": 'root ::= "a"', "regex": "a"},
            {"response_format": {"type": "xml"}},
            {"response_format": "json"},
            {"response_format": {"type": "json_schema"}},
        ],
    )
    def test_forms(self, model: BaseChatModel, given: dict[str, Any]) -> None:
        with pytest.raises(ConfigError):
            model.bind(**given)


FORMS: dict[str, tuple[dict[str, Any], str]] = {
    "grammar": ({"grammar": 'root ::= "yes" | "no"'}, "yes|no"),
    "regex": ({"regex": "[0-9]{4}"}, "[0-9]{4}"),
    "choices": ({"choices": ["left", "right"]}, "left|right"),
    "schema": (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"schema": PLAIN | {"additionalProperties": False}},
            }
        },
        r'\{"n": [12]\}',
    ),
}


@pytest.mark.model
@pytest.mark.parametrize(("given", "pattern"), FORMS.values(), ids=FORMS.keys())
def test_forms_on_invoke_and_stream(
    model: BaseChatModel, given: dict[str, Any], pattern: str
) -> None:
    bound = model.bind(**given, temperature=1.5)
    whole = bound.invoke("Tell me a long story about a dragon.").text
    assert re.fullmatch(pattern, whole)
    streamed = "".join(chunk.text for chunk in bound.stream("Tell me a long story about a dragon."))
    assert streamed == whole
    assert model.invoke("Hi", **given).text != model.invoke("Hi").text


@pytest.mark.model
def test_any_json_object(model: BaseChatModel) -> None:
    text = model.invoke("Hi", response_format={"type": "json_object"}, max_tokens=8).text
    assert text.startswith("{")
    assert model.invoke("Hi", response_format={"type": "text"}).text == model.invoke("Hi").text


@pytest.mark.model
def test_logprobs_under_a_grammar_are_the_models_own(model: BaseChatModel) -> None:
    message = model.invoke("Hi", choices=["zebra"], logprobs=True, top_logprobs=1)
    entries = message.response_metadata["logprobs"]["content"]
    assert "".join(entry["token"] for entry in entries) == "zebra"
    assert entries[0]["logprob"] < entries[0]["top_logprobs"][0]["logprob"]
    assert json.dumps(entries)
