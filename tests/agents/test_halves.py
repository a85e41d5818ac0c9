"""A thought that ended alone, was cut or went in circles: the rest of its step is asked apart."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.tools import tool

from agentlab import ToolPolicy, create_agent, handling
from agentlab.agents import Limits
from agentlab.agents.grammar import rest_grammar, step_grammar
from agentlab.events import Thought, Token
from agentlab.models._arguments import filled
from agentlab.tools import guard
from tests.agents.parts import Held, Spy, accepts, of, reading, run
from tests.agents.test_grammar import TOOLS

BOXED = "Thought: 6 rows of 3 are 18 trees.\n\\[ \\boxed{18} \\]"
CIRCLES = "Thought: 18 trees.\n" + "The answer is 18.\n" * 5
CALL = 'Action: calculator\nAction Input: {"expression": "6 * 3"}'


def held(*replies: Any) -> Held:
    return Held(replies=list(replies))


def counted(result: dict[str, Any]) -> tuple[int, int, int]:
    metadata = result["messages"][-1].response_metadata
    return metadata["model_calls"], metadata["malformed"], metadata["corrections"]


def test_what_a_thought_lacks_is_asked_for_and_nothing_was_malformed() -> None:
    with handling(spy := Spy()):
        result, events = run(create_agent(held(BOXED, "Final Answer: 18 trees"), ["calculator"]))
    assert result["answer"] == "18 trees"
    assert result["stopped"] is None
    assert counted(result) == (2, 0, 0)
    said, told = spy.shown[1][-2:]
    assert (said.text, told.type) == (BOXED, "human")
    assert "Final Answer" in told.text
    thought = "".join(e.text for e in of(Thought, events))
    assert thought == BOXED.removeprefix("Thought: ")
    assert "".join(e.text for e in of(Token, events)) == "18 trees"
    assert result["messages"][-1].additional_kwargs["reasoning_content"] == thought


def test_the_rest_may_be_a_call() -> None:
    then = "Thought: So 18.\nFinal Answer: 18"
    result = create_agent(held(BOXED, CALL, then), ["calculator"]).invoke("How many?")
    assert [step["result"] for step in result["steps"]] == ["18"]
    assert result["answer"] == "18"
    calling = result["messages"][1]
    assert calling.additional_kwargs["reasoning_content"].endswith("\\[ \\boxed{18} \\]")
    assert calling.response_metadata["model_calls"] == 2


def test_circles_are_left_for_the_rest() -> None:
    with handling(spy := Spy()):
        result = create_agent(held(CIRCLES, "Final Answer: 18"), ["calculator"]).invoke("How many?")
    assert counted(result) == (2, 0, 0)
    assert spy.shown[1][-2].text == "Thought: 18 trees.\nThe answer is 18."


def test_a_wrong_equation_comes_first() -> None:
    slip = "Thought: 6 * 3 = 16 trees."
    result = create_agent(
        held(slip, "Thought: 6 * 3 = 18 trees.", "Final Answer: 18"), ["calculator"]
    ).invoke("How many?")
    assert result["answer"] == "18"
    assert counted(result) == (3, 0, 1)


def test_at_a_limit_too_the_answer_is_asked_for() -> None:
    agent = create_agent(
        held(f"Thought: So.\n{CALL}", BOXED, "Final Answer: 18"), ["calculator"], max_steps=1
    )
    result = agent.invoke("How many?")
    assert (result["answer"], result["stopped"]) == ("18", "steps")


def test_without_another_call_the_thought_is_the_answer() -> None:
    agent = create_agent(held(BOXED), ["calculator"], limits=Limits(model_calls=1))
    result = agent.invoke("How many?")
    assert result["answer"] == BOXED.removeprefix("Thought: ")
    assert result["stopped"] == "model_calls"


async def test_the_same_in_asynchronous_runs() -> None:
    agent = create_agent(held(BOXED, "Final Answer: 18"), ["calculator"])
    assert (await agent.ainvoke("How many?"))["answer"] == "18"


def test_on_the_last_call_of_a_step_it_has_to_be_whole() -> None:
    bound: list[str] = []

    class Noting(Held):
        def _stream(self, *args: Any, **kwargs: Any) -> Any:
            bound.append(kwargs["lark"].splitlines()[0])
            return super()._stream(*args, **kwargs)

    for most in (2, 3):
        model = Noting(replies=["Thought: So.\nFinal Answer: 18"])
        create_agent(model, ["calculator"], limits=Limits(model_calls=most)).invoke("How many?")
    assert [line.endswith("?") for line in bound] == [False, True]


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("Final Answer: 18", True),
        ('Action: calculator\nAction Input: {"expression": "6 * 3"}', True),
        ("Action: calculater", False),
        ("Thought: So.\nFinal Answer: 18", False),
        ("18", False),
    ],
)
def test_what_the_rest_may_be(text: str, whole: bool) -> None:
    assert accepts(rest_grammar(TOOLS), text) is whole


def test_a_thought_may_end_alone_unless_it_is_the_last() -> None:
    assert accepts(step_grammar(TOOLS), BOXED)
    assert not accepts(step_grammar(TOOLS, final=True), BOXED)


@pytest.mark.model
def test_a_model_that_answers_within_its_thought_is_asked_for_the_rest(
    smollm2: BaseChatModel,
) -> None:
    model = smollm2.model_copy(update={"max_tokens": 40})  # thoughts are cut
    result = create_agent(model, [reading("blue", "look_up")], max_steps=2).invoke(
        "Explain at length why the sky is blue."
    )
    said = [m.response_metadata for m in result["messages"] if m.type == "ai"]
    assert sum(m["model_calls"] for m in said) > len(said), "a rest was asked for"
    assert [m["malformed"] for m in said] == [0] * len(said)
    assert result["answer"]


class Cut(Held):
    """A model whose last reply was cut at ``max_tokens``, by another provider's name for it."""

    def _stream(self, *args: Any, **kwargs: Any) -> Any:
        for chunk in super()._stream(*args, **kwargs):
            if chunk.message.chunk_position == "last":
                chunk.message.response_metadata = {"stop_reason": "max_tokens"}
            yield chunk


def test_a_final_answer_that_was_cut_says_so() -> None:
    agent = create_agent(Cut(replies=["Thought: So.\nFinal Answer: The three causes are"]), [])
    result = agent.invoke("Why?")
    assert (result["answer"], result["stopped"]) == ("The three causes are", "max_tokens")


def test_a_text_that_fills_the_room_of_an_argument_is_not_given_to_the_tool() -> None:
    made: list[str] = []

    @tool
    def keep(text: str) -> str:
        """Keep a text."""
        made.append(text)
        return "kept"

    def keeps(text: str) -> str:
        return f"Thought: So.\nAction: keep\nAction Input: {json.dumps({'text': text})}"

    agent = create_agent(
        held(keeps("a" * 2000), keeps("b" * 1900), "Thought: So.\nFinal Answer: done"),
        [guard(keep, ToolPolicy(untrusted=False))],
    )
    with handling(spy := Spy()):
        result = agent.invoke("Keep it.")
    assert made == ["b" * 1900]
    assert "its argument 'text' is too long" in spy.shown[1][-1].text
    assert result["answer"] == "done"


@pytest.mark.parametrize(
    ("schema", "value", "full"),
    [
        ({"type": "string"}, "a" * 1990, True),
        ({"type": "string"}, "a" * 1900, False),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "a" * 2000, True),
        ({"type": "string", "maxLength": 5000}, "a" * 3000, False),
        ({"type": "array"}, [1] * 50, True),
        ({"type": "array", "maxItems": 80}, [1] * 60, False),
        ({}, "a" * 2000, False),  # bounds nothing, so it was written to its end
    ],
)
def test_what_fills_its_room(schema: dict[str, Any], value: Any, full: bool) -> None:
    assert filled({"x": value}, {"x": schema}) == (["x"] if full else [])
