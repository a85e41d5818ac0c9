"""Forms: what is known stands, and each hole is one held answer."""

from __future__ import annotations

import re
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel

from agentlab.errors import ConfigError, InvalidOutput
from agentlab.reasoning import fill_in
from tests.reasoning.conftest import kinds, plain, says

FORM = (
    '{"game": "Maple", "name": "[[name]]", "class": "[[class]]", "hp": [[hp]], "again": "[[name]]"}'
)
FIELDS = {"class": ["mage", "rogue"], "hp": "number"}


def test_only_the_unknown_parts_are_asked_for() -> None:
    model = says({"name": 'Ann "x"'}, {"class": "mage"}, {"hp": 12})
    result = fill_in(model, FORM, FIELDS, as_json=True).invoke("A hero.")
    assert result["data"] == {
        "game": "Maple",
        "name": 'Ann "x"',
        "class": "mage",
        "hp": 12,
        "again": 'Ann "x"',
    }
    assert result["values"] == {"name": 'Ann "x"', "class": "mage", "hp": "12"}
    assert result["usage"]["model_calls"] == 3


async def test_what_is_known_is_not_asked() -> None:
    filling = fill_in(says({"hp": 7}), FORM, FIELDS, as_json=True)
    result = await filling.ainvoke({"input": "A hero.", "name": "Bo", "class": "rogue"})
    assert result["usage"]["model_calls"] == 1
    assert result["data"]["hp"] == 7
    with pytest.raises(InvalidOutput, match="'knight' is not one of mage, rogue"):
        filling.invoke({"input": "A hero.", "class": "knight"})


def test_a_text_and_its_events() -> None:
    filling = fill_in(says({"name": "Bo"}), "Dear [[name]],")
    assert kinds(filling.stream("A letter.")) == ["Considered", "Usage", "Answer"]
    assert fill_in(says({"name": "Bo"}), "Dear [[name]],").invoke("x")["answer"] == "Dear Bo,"


@pytest.mark.parametrize(
    ("form", "arguments", "told"),
    [
        ("none", {}, "has no hole"),
        ("[[a]]", {"fields": {"b": "text"}}, r"has no hole \[\[b\]\]"),
        ("{[[a]]", {"as_json": True}, "is no JSON"),
        ("[[a]]", {"fields": {"a": 3}}, "an answer is"),
    ],
)
def test_wrong_forms(form: str, arguments: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        fill_in(says(), form, **arguments)
    with pytest.raises(ConfigError, match="held to no form"):
        fill_in(plain("x"), "[[a]]")
    with pytest.raises(ConfigError, match="from a text, or a mapping"):
        fill_in(says(), "[[a]]").invoke({"a": "x"})


@pytest.mark.model
def test_the_real_model_fills_each_hole_with_what_fits(smollm2: BaseChatModel) -> None:
    fields = {"year": re.compile("[0-9]{4}"), "side": ["left", "right"]}
    result = fill_in(smollm2, "In [[year]] it was on the [[side]].", fields).invoke("The war.")
    assert re.fullmatch(r"In [0-9]{4} it was on the (left|right)\.", result["answer"])
