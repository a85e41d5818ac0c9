"""Replies of models with native calls: what of them is a thought, an answer, or neither."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentlab import Limits, create_agent
from agentlab.events import Thought, Token
from tests.agents.parts import call, native, of, run, text

CALL = call("calculator", expression="1+1")
WRITTEN = json.dumps({"name": "calculator", "arguments": {"expression": "1+1"}})


def said(kind: type, events: Any) -> str:
    return "".join(e.text for e in of(kind, events))


def test_words_before_a_call_are_a_thought() -> None:
    agent = create_agent(native({"say": "I add it up.", **CALL}, "It is 2."), ["calculator"])
    result, events = run(agent)
    assert said(Thought, events) == "I add it up."
    assert said(Token, events) == result["answer"] == "It is 2."
    assert result["steps"][0]["thought"] == "I add it up."


def test_a_long_answer_comes_live() -> None:
    long = "It is 2, and I say why. " * 40
    result, events = run(create_agent(native(long), ["calculator"]))
    assert len(of(Token, events)) > 100
    assert said(Token, events) == result["answer"] == long


@pytest.mark.parametrize("written", [WRITTEN, f"```json\n{WRITTEN}\n```"])
def test_a_call_that_is_written_out_is_not_shown(written: str) -> None:
    result, events = run(create_agent(native(written, CALL, "It is 2."), ["calculator"]))
    assert said(Token, events) == result["answer"] == "It is 2."
    assert result["stopped"] is None
    shown = '{"a": ' + "1" * 400 + "}"
    assert said(Token, run(create_agent(native(shown), ["calculator"]))[1]) == shown


@pytest.mark.parametrize(
    ("limits", "stopped"), [(Limits(), "malformed"), (Limits(model_calls=3), "model_calls")]
)
@pytest.mark.parametrize("reply", ["", WRITTEN])
def test_a_native_model_that_answers_nothing(reply: str, limits: Limits, stopped: str) -> None:
    result, events = run(create_agent(native(*[reply] * 9), ["calculator"], limits=limits))
    assert result["stopped"] == stopped
    assert (
        result["answer"] == said(Token, events) == (reply or "I found no answer within my limits.")
    )


@pytest.mark.parametrize(
    ("limits", "stopped"), [(Limits(), "malformed"), (Limits(model_calls=3), "model_calls")]
)
@pytest.mark.parametrize("reply", ["Thought:", "It is 2."])
def test_a_text_model_that_writes_no_step(reply: str, limits: Limits, stopped: str) -> None:
    result, _ = run(create_agent(text(*[reply] * 9), ["calculator"], limits=limits))
    assert result["stopped"] == stopped
    assert result["answer"] in ("It is 2.", "I found no answer within my limits.")


def test_a_reply_that_is_mended_in_time_is_a_normal_end() -> None:
    agent = create_agent(text("Hm.", "Hm.", "Final Answer: 2"), ["calculator"])
    assert run(agent)[0]["stopped"] is None
