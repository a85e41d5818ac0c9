"""With the calculator among its tools, a model hears of wrong equations in its thought."""

from __future__ import annotations

from typing import Any

import pytest

from agentlab import create_agent, handling
from agentlab.events import Token
from tests.agents.parts import Spy, of, reading, run, text

SLIP = "Thought: Both cost 30 + 46 = 86 euros.\nFinal Answer: 86 euros."
RIGHT = "Thought: Both cost 30 + 46 = 76 euros.\nFinal Answer: 76 euros."


def answers(*replies: str, tools: Any = ("calculator",)) -> dict[str, Any]:
    result: dict[str, Any] = create_agent(text(*replies), list(tools)).invoke("What do both cost?")
    return result


def test_a_slip_is_told_and_the_step_written_anew() -> None:
    with handling(spy := Spy()):
        result = answers(SLIP, RIGHT)
    assert result["answer"] == "76 euros."
    metadata = result["messages"][-1].response_metadata
    assert (metadata["corrections"], metadata["malformed"], metadata["model_calls"]) == (1, 0, 2)
    assert "the calculator finds 30 + 46 = 76, not 86" in spy.shown[1][-1].text


def test_what_is_right_is_not_held_up() -> None:
    metadata = answers(RIGHT)["messages"][-1].response_metadata
    assert (metadata["corrections"], metadata["model_calls"]) == (0, 1)


def test_who_insists_has_the_last_word() -> None:
    result = answers(SLIP, SLIP, SLIP)
    assert result["answer"] == "86 euros."
    assert result["messages"][-1].response_metadata["corrections"] == 2


def test_without_a_calculator_nothing_is_checked() -> None:
    result = answers(SLIP, tools=[reading("the same", "look_up")])
    assert result["answer"] == "86 euros."


def test_a_call_after_a_slip_is_not_made() -> None:
    call = (
        "Thought: Both cost 30 + 46 = 86 euros.\nAction: calculator\n"
        'Action Input: {"expression": "86 * 2"}'
    )
    result = answers(call, RIGHT)
    assert result["answer"] == "76 euros."
    assert result["steps"] == []


@pytest.mark.parametrize("replies", [(SLIP, RIGHT), (SLIP, SLIP, SLIP)])
def test_an_answer_that_is_taken_back_is_never_shown(replies: tuple[str, ...]) -> None:
    result, events = run(create_agent(text(*replies), ["calculator"]))
    assert "".join(event.text for event in of(Token, events)) == result["answer"]
