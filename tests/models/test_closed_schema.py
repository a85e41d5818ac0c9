"""Schemas given to a local model leave no room for what they do not name."""

from __future__ import annotations

import pytest
from langchain_core.language_models import BaseChatModel
from pydantic import BaseModel

from agentlab.models._gguf_format import _closed


class Coat(BaseModel):
    colour: str


class Cat(BaseModel):
    name: str
    coat: Coat


def test_every_object_is_closed() -> None:
    schema = _closed(Cat.model_json_schema())
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["Coat"]["additionalProperties"] is False


def test_what_a_schema_says_itself_is_kept() -> None:
    said = {"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "number"}}
    assert _closed(said) == said
    free = {"type": "object"}
    assert _closed(free) == free


def test_values_are_no_schemas() -> None:
    const = {"const": {"type": "object", "properties": {}}}
    assert _closed(const) == const


@pytest.mark.model
def test_a_small_model_comes_to_an_end(smollm2: BaseChatModel) -> None:
    class Person(BaseModel):
        name: str
        age: int

    reader = smollm2.model_copy(update={"max_tokens": 60}).with_structured_output(Person)
    person = reader.invoke("Who is this? Ada Wren, forty-one years old, keeps the lighthouse.")
    assert isinstance(person, Person)
    assert person.name
