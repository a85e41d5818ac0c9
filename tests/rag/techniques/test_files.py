"""Answers from documents that a YAML file describes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentlab.errors import ConfigError, StoreError
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


def test_one_source_can_be_routed_to(file: Path) -> None:
    songs = next(line for line in FILE.splitlines() if "songs" in line)
    file.write_text(file.read_text().replace(songs.replace("{{", "{").replace("}}", "}"), ""))
    assert load_rag(file).invoke("When does the pump run?")["routes"] == ["house"]
    assert load_rag(file, techniques=["agentic"])
    assert load_rag(file, techniques=[]).invoke("When does the pump run?")["supported"] == 1


def test_sources_that_answer(file: Path) -> None:
    more = (
        "  talk: {answer: directly, examples: [How are you today, Tell me a joke]}\n"
        "  sums: {tool: calculator, examples: [3 * 4, 12 + 30 - 2]}\n"
        "  chat: {chain: story, examples: [Dear machine, Dear machine hello]}\n"
    )
    file.write_text(file.read_text().replace("techniques:", f"{more}techniques:"))
    model = saying({"say": "I am well.", "repeat": True})
    rag = load_rag(file, model, ["route"])
    assert rag.invoke("How are you today?")["answer"] == "I am well."
    assert rag.invoke("3 * 4")["answer"] == "12"
    assert rag.invoke("Dear machine hello")["routes"] == ["chat"]


def test_options_given_come_before_those_of_the_file(file: Path) -> None:
    rag = load_rag(file, search={"k": 3, "mode": "dense"}, answer={"not_found": "Nothing."})
    assert rag.invoke("Sing me a song")["answer"] == "Nothing."
    hops = load_rag(file, techniques=["route", "multi-hop"], search={"k": 3}).retriever
    target = hops._targets["house"]  # type: ignore[attr-defined]
    assert (target._k, target.inner.retriever.query.k) == (3, 3)


@pytest.mark.parametrize("option", ["quote: else", "reranker: null", "min_relevance: null"])
def test_all_options_of_an_answer_are_known(file: Path, option: str) -> None:
    file.write_text(file.read_text().replace("not_found: No idea.", option))
    assert load_rag(file).invoke("When does the pump run?")["supported"] == 1


def test_a_damaged_index_is_told_with_its_place(file: Path) -> None:
    for one in (file.parent / "house").rglob("*"):
        if one.is_file():
            one.write_bytes(b"x")
    with pytest.raises(StoreError, match=r"rag.yaml:5:\d+: "):
        load_rag(file)


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
        ("k: 1", "k: 0", "rag.yaml:5:5: "),
        ("index: house", "index: home", "rag.yaml:5:5: there is no index in"),
        ("index: house", "tool: hammer", "rag.yaml:5:5: "),
        ("index: house", "answer: kindly", "`answer` must be directly, not 'kindly'"),
        ("index: house", "index: house\n    tool: calculator", "is index and tool at once"),
        ("not_found: No idea.", "min_support: high", "min_support must be"),
        ("not_found: No idea.", "not_found: null", "not_found must be"),
        ("rewrite, route", "route, {multi-hop: {budget: {calls: 2}}}", "no bound 'calls'"),
        ("rewrite, route", "{rewrite: {weight: high}}, route", "weight must be"),
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


def test_one_source_that_finds_no_documents_is_told(file: Path) -> None:
    text = file.read_text().replace("index: house", "tool: calculator")
    text = text.replace("    search: {k: 1, mode: keyword}\n", "")
    text = text.replace("techniques: [rewrite, route]", "techniques: [rewrite]")
    file.write_text("\n".join(line for line in text.split("\n") if "songs" not in line))
    with pytest.raises(ConfigError, match=r"rag.yaml:5:5: 'house' alone finds no documents"):
        load_rag(file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_rag(tmp_path / "none.yaml")
