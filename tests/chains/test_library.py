"""The chains that ship, and loading chains by name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel

from agentlab import Chain, errors, list_chains, load_chain, sequential
from agentlab.chains.library import CHAINS, Character
from agentlab.errors import ChainError
from agentlab.events import Token
from tests.chains.conftest import added_up, says


def test_the_list_tells_what_each_needs() -> None:
    found = {info.name: info for info in list_chains()}
    assert found.keys() == CHAINS.keys()
    assert found["story"].variables == ("summary",)
    assert found["story"].steps == ("title", "character", "story")
    assert all(info.description for info in found.values())


def test_a_chain_that_ships_is_loaded_with_a_model() -> None:
    model = says({"say": "Slow Dawn", "repeat": True})
    got = load_chain("product", model).invoke("a lamp")
    assert got == {"product": "a lamp", "name_and_slogan": "Slow Dawn", "pitch": "Slow Dawn"}


def test_the_card_is_an_object() -> None:
    model = says('{"name": "Ada", "age": null, "traits": ["patient"]}')
    got = load_chain("card", model).invoke("Ada is patient.")
    assert got["card"] == Character(name="Ada", age=None, traits=["patient"])


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "ownchains.py").write_text(
        "from agentlab import sequential\n"
        "ready = sequential(a=len)\n"
        "def of_model(model): return sequential(a=model)\n"
        "def of_nothing(): return ready\n"
        "class Kept:\n    inside = ready\n"
        "def wrong(): return 3\n"
    )
    (tmp_path / "brokenchains.py").write_text("import no_such_module_at_all\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("ownchains", None)


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize("name", ["ready", "of_nothing", "Kept.inside"])
def test_a_chain_of_the_users_own(name: str) -> None:
    assert load_chain(f"ownchains:{name}").invoke({"x": 1}) == {"x": 1, "a": 1}


@pytest.mark.usefixtures("module")
def test_a_function_of_a_model() -> None:
    model = says("hello")
    chain = load_chain("ownchains:of_model", model)
    assert isinstance(chain, Chain)
    assert isinstance(chain["a"], type(model))


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ownchains:raedy", "has no 'raedy'"),
        ("ownchains:wrong", "made a int, not a chain"),
        ("ownchains:__doc__", "of type NoneType"),
        ("ownchains:", "not module:attribute"),
        (":ready", "not module:attribute"),
        ("nosuchchains:x", "no module 'nosuchchains'"),
        ("brokenchains:x", "cannot be imported: No module named 'no_such_module_at_all'"),
        ("stori", "there is no chain 'stori'"),
    ],
)
def test_what_is_not_a_chain(name: str, told: str) -> None:
    with pytest.raises(ChainError, match=told):
        load_chain(name)


def test_an_unknown_model_is_told_before_anything_runs() -> None:
    with pytest.raises(errors.UnknownModel):
        load_chain("story", "smolm2")


@pytest.mark.model
def test_the_real_model_in_every_way(smollm2: BaseChatModel) -> None:
    def chain() -> Chain:
        from agentlab import load_prompt

        return sequential(
            title=load_prompt("story/title") | smollm2,
            character=load_prompt("story/character") | smollm2,
        )

    whole = chain().invoke("a lost dog")
    assert whole["title"].strip()
    assert added_up(chain().stream("a lost dog")) == whole
    usage, answer = list(chain().events("a lost dog"))[-2:]
    assert answer.value == whole
    assert usage.model_calls == 2
    assert usage.output_tokens > 1


@pytest.mark.model
def test_closing_stops_the_real_model(smollm2: BaseChatModel) -> None:
    chain = load_chain("question", smollm2)
    running = chain.events("What is the capital of France?")
    next(event for event in running if isinstance(event, Token))
    running.close()
    # The engine is free again, and answers as if nothing had been.
    assert "Paris" in chain.invoke("What is the capital of France?")["answer"]


@pytest.mark.model
def test_the_real_card(smollm2: BaseChatModel) -> None:
    text = "Ada Wren is 41 years old. She is patient and stubborn."
    card = load_chain("card", "smollm2", temperature=0).invoke(text)["card"]
    assert isinstance(card, Character)
    assert (card.name, card.age) == ("Ada Wren", 41)
