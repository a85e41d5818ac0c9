"""Wrong chains and wrong inputs are told before any model is called."""

from __future__ import annotations

from typing import Any

import pytest

from agentlab import parallel, sequential
from agentlab.errors import ChainError, ConfigError, PromptError
from tests.chains.conftest import ask


@pytest.mark.parametrize("make", [sequential, parallel])
def test_a_chain_without_steps(make: Any) -> None:
    with pytest.raises(ChainError, match="at least one step"):
        make()


@pytest.mark.parametrize("make", [sequential, parallel])
@pytest.mark.parametrize(
    ("step", "told"),
    [(3, "of type int"), (None, "of type NoneType"), ("story/title", "the text 'story/title'")],
)
def test_a_step_that_cannot_run_is_named(make: Any, step: Any, told: str) -> None:
    with pytest.raises(ChainError, match=f"step 'title' is {told}") as caught:
        make(ok=len, title=step)
    assert caught.value.hint


def test_the_missing_variables_of_all_steps_are_named_at_once() -> None:
    model_calls: list[Any] = []
    chain = sequential(
        first=lambda values: model_calls.append(values),
        title=ask("{summary}", "T"),
        story=ask("{title} {tone}", "S"),
    )
    with pytest.raises(PromptError) as caught:
        chain.invoke({"sumary": "x"})
    assert str(caught.value) == (
        "step 'title' needs 'summary'; step 'story' needs 'tone', which the input does not have"
    )
    assert caught.value.hint == "the input has 'sumary': is it 'summary'?"
    assert model_calls == []


def test_a_variable_that_only_a_later_step_makes() -> None:
    chain = sequential(title=ask("{story}", "T"), story=ask("{title}", "S"))
    with pytest.raises(PromptError, match="step 'title' needs 'story'") as caught:
        chain.invoke({})
    assert "not one that comes before" in caught.value.hint


def test_steps_side_by_side_do_not_see_each_other() -> None:
    assert parallel(a=ask("{q}", "A"), b=ask("{a}", "B")).variables == ("q", "a")


@pytest.mark.parametrize("run", [lambda c, i: c.invoke(i), lambda c, i: list(c.stream(i))])
def test_an_input_under_the_name_of_a_step(run: Any) -> None:
    chain = sequential(title=ask("{summary}", "T"))
    with pytest.raises(ChainError, match="value for 'title', which is the name of a step"):
        run(chain, {"summary": "x", "title": "y"})


def test_a_string_for_several_variables() -> None:
    chain = sequential(a=ask("{x} {y} {z}", "A"))
    with pytest.raises(ConfigError, match=r"one variable, .* 'x', 'y' and 'z'"):
        chain.invoke("text")


def test_a_string_for_a_chain_that_names_no_variables_is_the_input() -> None:
    assert sequential(n=lambda v: len(v["input"])).invoke("abc") == {"input": "abc", "n": 3}


@pytest.mark.parametrize("wrong", [3, None, ["a"]])
def test_an_input_that_is_neither_dict_nor_string(wrong: Any) -> None:
    with pytest.raises(ConfigError, match=f"not {type(wrong).__name__}"):
        sequential(a=len).invoke(wrong)
