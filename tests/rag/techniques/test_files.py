"""Answers from documents that a YAML file describes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentlab.errors import ConfigError
from agentlab.rag import Index
from agentlab.rag.techniques import load_rag
from tests.rag.techniques.parts import TEXTS, cited, saying

FILE = """\
agentlab_rag: 1
model: {model}
sources:
  house:
    index: house
    description: the house
    examples: [When does the pump run?, How is the pump reset?]
    search: {{k: 1, mode: keyword}}
  songs: {{refuse: true, examples: [Sing me a song, Write a poem]}}
techniques: [rewrite, route]
answer: {{not_found: No idea.}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    Index.from_texts([TEXTS["pump"]], path=tmp_path / "house", ids=["pump"])
    script = tmp_path / "script.yaml"
    reply = json.dumps(cited("The pump runs at night.", 1))
    script.write_text(json.dumps({"replies": [{"say": reply, "repeat": True}]}))
    found = tmp_path / "rag.yaml"
    found.write_text(FILE.format(model=f"scripted:{script}"))
    return found


def test_a_file(file: Path) -> None:
    rag = load_rag(file)
    result = rag.invoke("When does the pump run?")
    assert (result["answer"], result["routes"]) == ("The pump runs at night [1].", ["house"])
    refused = rag.invoke("Sing me a song, please: what can you sing?")
    assert (refused["answer"], refused["routes"]) == ("No idea.", ["songs"])


def test_model_and_techniques_can_be_given(file: Path) -> None:
    rag = load_rag(file, saying({"routes": ["songs"]}), [{"route": {"by": "model", "model": saying(
        {"routes": ["songs"]})}}])  # fmt: skip
    assert rag.invoke("When does the pump run?")["routes"] == ["songs"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("agentlab_rag: 1", "agentlab_rag: 2", "must begin with `agentlab_rag: 1`"),
        ("techniques:", "technique:", "unknown key 'technique', did you mean 'techniques'"),
        ("    index: house\n", "", "'house' needs an `index`"),
        ("rewrite, route", "rewrite", "several sources need"),
        ("route]", "rout]", "there is no technique 'rout'"),
        ("description:", "about:", ":5:5: unknown key 'about'"),
        ("k: 1", "k: 0", "'k' must be 1 or more"),
        ("not_found", "notfound", "unknown key 'notfound'"),
        ("examples: [When", "examples: [3, When", "`examples` must be questions"),
    ],
)
def test_what_is_wrong_is_told(file: Path, old: str, new: str, told: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        load_rag(file)
    assert told.replace("`did", "did") in str(caught.value).replace("`techniques`", "'techniques'")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_rag(tmp_path / "none.yaml")
