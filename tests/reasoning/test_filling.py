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


def test_what_is_known_stands_as_it_is() -> None:
    filling = fill_in(says({"name": "Bo"}), '{"hp": [[hp]], "name": "[[name]]"}',
                      {"hp": "number"}, as_json=True)  # fmt: skip
    for known, hp in ((123456.78, "123456.78"), (2000000.0, "2000000"), (7, "7")):
        result = filling.mapped(lambda _: says({"name": "Bo"})).invoke({"input": "x", "hp": known})
        assert result["values"]["hp"] == hp
        assert result["data"]["hp"] == known


def test_json_has_its_own_numbers_and_words() -> None:
    form = '{"hp": [[hp]], "alive": [[alive]], "code": [[code]]}'
    fields = {"hp": "number", "alive": ["true", "false"], "code": re.compile("[1-9]")}
    known = {"input": "x", "alive": True, "code": 4}
    result = fill_in(says({"hp": 1.5}), form, fields, as_json=True).invoke(known)
    assert result["data"] == {"hp": 1.5, "alive": True, "code": 4}
    with pytest.raises(InvalidOutput, match="'007' is not a number"):
        fill_in(says(), form, fields, as_json=True).invoke({**known, "hp": "007"})
    with pytest.raises(ConfigError, match="no JSON"):
        fill_in(says(), form, {**fields, "alive": ["true", "maybe"]}, as_json=True)


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
        ("[[a]]", {"fields": ["a"]}, "fields are a mapping"),
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
