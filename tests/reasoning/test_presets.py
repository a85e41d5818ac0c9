"""Sampling presets, and settings put on the models inside of what is given."""

from __future__ import annotations

import pytest
from langchain_core.output_parsers import JsonOutputParser, StrOutputParser
from langchain_core.runnables import RunnableLambda

from agentlab import load_prompt, parallel, sequential
from agentlab.errors import ConfigError
from agentlab.reasoning import PRESETS, chain_of_thought, preset, self_consistency, with_preset
from agentlab.reasoning.models import bare, find_model, split, with_settings
from tests.reasoning.conftest import asks, says


def test_which_is_high_and_which_is_low() -> None:
    high = {
        name: (values["temperature"] > 0.5, values["top_p"] > 0.7)
        for name, values in PRESETS.items()
    }
    assert high == {
        "brainstorming": (True, True),
        "email": (False, False),
        "creative_writing": (True, False),
        "translation": (False, True),
    }


def test_a_name_in_any_spelling_and_an_unknown_one() -> None:
    assert preset("Creative writing") == preset("creative-writing") == PRESETS["creative_writing"]
    preset("email")["top_p"] = 0  # a copy
    assert PRESETS["email"]["top_p"]
    with pytest.raises(ConfigError, match="no preset 'emial'") as caught:
        preset("emial")
    assert "did you mean 'email'" in caught.value.hint


def test_a_preset_goes_over_the_models_own_settings_and_changes_nothing_in_place() -> None:
    model = says("hi")
    chain = load_prompt("story/title") | model.bind(temperature=0.9) | StrOutputParser()
    email = with_preset(chain, "email")
    found = find_model(email)
    assert found is not None
    assert found.temperature == PRESETS["email"]["temperature"]
    assert "temperature" not in email.steps[1].kwargs
    assert model.temperature is None
    assert email.invoke("a lost key") == "hi"


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda model: sequential(a=asks(model)),
        lambda model: parallel(a=asks(model)),
        lambda model: {"a": model} | RunnableLambda(lambda found: found["a"]),
        lambda model: model.with_fallbacks([model]),
        lambda model: model.with_retry(),
        lambda model: chain_of_thought(model),
        lambda model: self_consistency(chain_of_thought(model), n=2),
    ],
)
def test_settings_reach_a_model_wherever_it_is(wrapped: object) -> None:
    chain = wrapped(says("hi"))  # type: ignore[operator]
    changed = with_settings(chain, {"seed": 5})
    assert changed is not chain
    found, before = find_model(changed), find_model(chain)
    assert found is not None
    assert before is not None
    assert (found.seed, before.seed) == (5, None)


def test_what_has_no_model_is_told() -> None:
    with pytest.raises(ConfigError, match="no chat model in RunnableLambda"):
        with_preset(RunnableLambda(str), "email")
    with pytest.raises(ConfigError, match="a preset is named by a text, not 5"):
        preset(5)  # type: ignore[arg-type]


def test_a_chain_is_split_before_its_model() -> None:
    model = says("hi")
    head, last = split(load_prompt("chat") | model.bind(seed=1))
    assert head is not None
    assert bare(last) is model or bare(last) == model
    assert split(model) == (None, model)
    assert split(load_prompt("chat") | model | StrOutputParser())[1] is model
    with pytest.raises(ConfigError, match="does not end in a chat model"):
        split(load_prompt("chat") | model | JsonOutputParser())
