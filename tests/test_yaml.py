"""The strict reader of YAML: values, places, and everything that it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentlab._yaml import MAX_VALUES, Mark, place_of, read_yaml
from agentlab.errors import ConfigError, PromptError

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("2026-01-05", "2026-01-05"),
        ("2026-01-05T09:00:00Z", "2026-01-05T09:00:00Z"),
        ("0o17", 15),
        ("0x1F", 31),
        ("017", 17),
        ("1e3", 1000.0),
        ("-.5", -0.5),
        ("1_000", "1_000"),
        ("true", True),
        ("yes", "yes"),
        ("~", None),
        ("", None),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("!!float 5", 5.0),
        (".inf", float("inf")),
        ("9" * 500, "9" * 500),
        ("# nothing", None),
        ("---\na: 1\n...\n", {"a": 1}),
    ],
)
def test_plain_values_follow_the_core_rules_of_yaml_1_2(text: str, value: object) -> None:
    found = read_yaml(text, "f.yaml")
    assert found == value
    assert type(found) is type(value) or isinstance(found, dict)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: 2\na: 3", "f.yaml:3:1: the key 'a' is there twice, first in line 1"),
        ("x:\n  ? [1]\n  : 2", "f.yaml:2:5: a key must be text"),
        ("a: &x [1, *x]", "f.yaml:1:11: the alias *x is inside what it names"),
        ("a: *x", "f.yaml:1:4: the alias *x names nothing"),
        ("a: !!python/name:os.system", "f.yaml:1:4: the tag"),
        ("a: !mine 1", "f.yaml:1:4: the tag"),
        ("a: !!int x", "f.yaml:1:4: 'x' cannot be read as int"),
        ("a: b: c", "f.yaml:1:5: not YAML"),
        ("a:\n\t- b", "f.yaml:2:1: not YAML"),
        ("a: [1, 2", "not YAML"),
        ("a: \x01", "not YAML"),
        ("a: 1\n---\nb: 2", "a second document begins here"),
        ("- " * 70 + "x", "nested deeper than 60"),
        ("[" * 5000, "not YAML: exceeded maximum nesting depth"),
        (BOMB, f"more than {MAX_VALUES} values, aliases included"),
        ("x" * (4 * 1024 * 1024 + 1), "longer than"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_yaml(text, "f.yaml")
    assert told in str(caught.value)


def test_an_alias_gives_the_same_value_and_costs_its_size() -> None:
    value = read_yaml("a: &a {k: [1, 2]}\nb: *a\n", "f")
    assert value["b"] is value["a"]


def test_places_of_keys_values_and_items() -> None:
    value = read_yaml("a:\n- {b: x}\n- two: [1,\n    2]\n", "f.yaml")
    assert place_of(value, ()) == (1, 1)
    assert place_of(value, ("a", 0, "b")) == (2, 7)
    assert place_of(value, ("a", 0, "b"), of_key=True) == (2, 4)
    assert place_of(value, ("a", 1, "two", 1)) == Mark(4, 5)
    assert place_of(value, ("a", 1, "missing")) == (3, 3)


def test_lines_and_errors_of_a_text_inside_another_file() -> None:
    with pytest.raises(PromptError, match=r"p\.md:12:1"):
        read_yaml("a: 1\na: 2", "p.md", error=PromptError, first_line=11)


def test_keys_whose_values_are_text() -> None:
    found = read_yaml("say: no\nother: 5\nlist: [1]\n", "f", texts=("say", "list"))
    assert found == {"say": "no", "other": 5, "list": ["1"]}


@given(st.text(max_size=80))
def test_any_text_is_a_value_or_a_typed_error(text: str) -> None:
    try:
        read_yaml(text, "f.yaml")
    except ConfigError as error:
        assert str(error).startswith("f.yaml:")  # noqa: PT017
