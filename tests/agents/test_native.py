"""Replies of models with native calls: what of them is a thought, an answer, or neither."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk
from langchain_core.runnables import RunnableLambda

from agentlab import Limits, Session, create_agent
from agentlab.agents.native import NativeAttempt
from agentlab.cancellation import cancellable
from agentlab.errors import TurnCancelled
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


def attempt(*pieces: str) -> tuple[NativeAttempt, list[Any]]:
    reading = NativeAttempt(RunnableLambda(str), [], frozenset({"calculator"}))
    return reading, [
        event for text in pieces for event in reading.take(AIMessageChunk(content=text))
    ]


@pytest.mark.parametrize("fence", ["```python\n", "```\n", "`code`", "  ``` sh\n", "```jsonc\n"])
def test_code_is_shown_as_it_comes(fence: str) -> None:
    code = [*fence, *["print(1 + 1)\n"] * 20]
    assert said(Token, attempt(*code)[1]) == "".join(code)


@pytest.mark.parametrize("begun", ["{", "```json\n{", "```\n{", "```json\n", "\n```\n "])
def test_what_may_be_a_call_waits(begun: str) -> None:
    reading, events = attempt(*begun, *" " * 300)
    assert events == []
    assert reading.held == ""


@pytest.mark.parametrize("words", ["", "It is 2.", "It is 2, and I say why. " * 20])
def test_an_answer_beside_a_call_that_cannot_be_made_is_shown(words: str) -> None:
    bad = {"name": "calculator", "args": "none", "id": "1", "index": 0, "type": "tool_call_chunk"}
    reading, events = attempt(words)
    events += reading.take(AIMessageChunk(content="", tool_call_chunks=[bad]))
    events += reading.take(AIMessageChunk(content=" So."))
    events += reading.end(settle=True, more=False)
    assert reading.message is not None
    assert reading.message.text == said(Token, events) == words + " So."


def test_an_answer_beside_a_call_in_the_last_step_is_shown() -> None:
    both = {"say": "It is 2.", **CALL}
    result, events = run(create_agent(native(both), ["calculator"], max_steps=0))
    assert said(Token, events) == result["answer"] == "It is 2."
    assert of(Thought, events) == []


SLOWLY = {"say": "one two three " * 5, "pace": 0.25}


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_the_beginning_of_an_answer_is_kept_when_it_is_stopped(asynchronous: bool) -> None:
    chat = Session(create_agent(native(SLOWLY), ["calculator"]))
    with cancellable() as scope:
        threading.Timer(0.9, scope.cancel).start()
        with pytest.raises(TurnCancelled):
            await chat.asend("Go.") if asynchronous else chat.send("Go.")
    assert chat.turns[0].text.startswith("one")


def test_the_beginning_of_an_answer_is_kept_where_time_brings_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Limits, "grace", 0.5)

    def limited(*replies: Any) -> Any:
        return run(create_agent(native(*replies), ["calculator"], limits=Limits(seconds=0.8)))

    result, events = limited(SLOWLY, "It is 2.")
    assert said(Token, events) == result["answer"] == "It is 2."
    result, events = limited(SLOWLY, {"say": "never", "delay": 60})
    assert result["stopped"] == "seconds"
    assert said(Token, events) == result["answer"]
    assert result["answer"].startswith("one")
