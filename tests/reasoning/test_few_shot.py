"""Which examples are shown, and in what shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings

from agentlab import load_prompt, sequential
from agentlab.errors import ConfigError, PromptError
from agentlab.prompts import render_text
from agentlab.reasoning import few_shot
from agentlab.reasoning.models import find_model
from tests.reasoning.conftest import says

PROMPT = """---
config: {temperature: 0.3}
examples:
- input: {input: "a red fish"}
  assistant: sea
- input: {input: "a fast car"}
  assistant: road
- user: "Where? a brown cow"
  assistant: field
---
# system
Say where it is.

# history

# user
Where? {{ input }}
"""


class Words(Embeddings):
    """A place for each of a few words."""

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.embedded += texts
        return [[float(word in text) for word in ("fish", "car", "cow", "Where")] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    file = tmp_path / "where.md"
    file.write_text(PROMPT)
    return file


def shown(prompt: Any, values: Any = "a blue car") -> list[str]:
    return [message.text for message in prompt.render(values)]


def test_all_examples_are_turns_by_default_as_in_the_prompt_itself(prompt: Path) -> None:
    assert shown(few_shot(prompt)) == shown(load_prompt(prompt))
    assert [m.type for m in few_shot(prompt, k=1).render("x")] == ["system", "human", "ai", "human"]


def test_the_most_similar_ones_the_nearest_last(prompt: Path) -> None:
    words = Words()
    chosen = few_shot(prompt, k=2, embeddings=words)
    texts = shown(chosen, "a blue car or a cow")
    assert sorted(texts[1:5:2]) == ["Where? a brown cow", "Where? a fast car"]
    assert shown(chosen, "a green fish")[-3:-1] == ["Where? a red fish", "sea"]


async def test_it_is_a_prompt_as_others_are(prompt: Path) -> None:
    chosen = few_shot(prompt, k=1, embeddings=Words())
    model = find_model(chosen | says("road"))
    assert model is not None
    assert model.temperature == 0.3
    assert (await (chosen | says("road")).ainvoke("a blue car")).text == "road"
    assert sequential(place=chosen | says("road")).variables == ("input",)
    assert chosen.partial(input="a fish").render({})[-2].text == "sea"
    history = {"input": "a blue car", "history": [("user", "Hi"), ("assistant", "Hello")]}
    assert shown(chosen, history)[1:5] == ["Where? a fast car", "road", "Hi", "Hello"]


def test_one_block_in_the_questions_message(prompt: Path) -> None:
    text = render_text(few_shot(prompt, k=1, shape="block"), "a blue car")
    assert text.startswith("# system\nSay where it is.\n\n# user\nHere are some examples.\n\n")
    assert "Where? a red fish\nsea\n\nNow this one" in text
    assert text.rstrip().endswith("Where? a blue car")


def test_the_budget(prompt: Path) -> None:
    def words(text: str) -> int:
        return len(text.split())

    by_order = few_shot(prompt, max_tokens=10, count=words)
    assert shown(by_order)[1:-1:2] == ["Where? a red fish", "Where? a fast car"]
    near = few_shot(prompt, max_tokens=5, count=words, embeddings=Words())
    assert shown(near)[1:-1] == ["Where? a fast car", "road"]
    with pytest.warns(UserWarning, match="no example fits into max_tokens=1"):
        assert shown(few_shot(prompt, max_tokens=1)) == ["Say where it is.", "Where? a blue car"]
    assert few_shot(prompt, max_tokens=5, count=says("x")).render("a")


def test_an_example_that_is_too_long_makes_way_for_the_next(prompt: Path) -> None:
    def words(text: str) -> int:
        return 9 if "red" in text else len(text.split())

    assert shown(few_shot(prompt, max_tokens=9, count=words))[1:3] == ["Where? a fast car", "road"]


@pytest.mark.parametrize("name", ["examples.yaml", "examples.jsonl"])
def test_examples_from_a_file(prompt: Path, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    if name.endswith("jsonl"):
        file.write_text('{"input": {"input": "a ship"}, "assistant": "harbour"}\n\n')
    else:
        file.write_text('- input: {input: "a ship"}\n  assistant: harbour\n')
    assert shown(few_shot(prompt, file))[1:3] == ["Where? a ship", "harbour"]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.yaml", "{}", "must be a list"),
        ("a.yaml", "- {user: a}", "example 1 needs 'assistant'"),
        ("a.yaml", "- {user: a, input: {b: c}, assistant: d}", "example 1 needs"),
        ("a.yaml", "- {user: a, assistant: d, more: 1}", "nothing else"),
        ("a.yaml", "- {user: a, assistant: 5}", "'assistant' of example 1 must be a text, not 5"),
        ("a.jsonl", "{", "a.jsonl:1: not JSON"),
        ("a.txt", "x", "no file of examples"),
    ],
)
def test_wrong_files(prompt: Path, tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(PromptError, match=told):
        few_shot(prompt, tmp_path / name)


def test_wrong_arguments(prompt: Path, tmp_path: Path) -> None:
    for wrong in ({"k": 0}, {"max_tokens": True}, {"shape": "list"}, {"count": 3}):
        with pytest.raises(ConfigError):
            few_shot(prompt, **wrong)  # type: ignore[arg-type]
    with pytest.raises(PromptError, match="a file or a list of examples, not 5"):
        few_shot(prompt, 5)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="count gave None, not a number of tokens"):
        few_shot(prompt, max_tokens=5, count=lambda _: None).render("a")
    with pytest.raises(PromptError, match="there are no examples"):
        few_shot("chat")
    with pytest.raises(PromptError, match="no file of examples"):
        few_shot(prompt, tmp_path / "none.yaml")


@pytest.mark.model
def test_the_embeddings_in_the_box_choose_by_meaning(prompt: Path) -> None:
    chosen = few_shot(prompt, k=1, embeddings="bge-small")
    assert chosen.render("a quick automobile")[-2].text == "road"
