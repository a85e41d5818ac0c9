"""Summaries: written in the background, never in the way, never losing a turn."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableLambda

from agentlab.boundary import Call, Handler, handling, recordable
from agentlab.errors import ContextOverflow
from agentlab.memory import SummaryBufferMemory, SummaryMemory
from agentlab.models.scripted import ScriptedChatModel


def turn(number: int) -> list[BaseMessage]:
    return [HumanMessage(f"question {number}"), AIMessage(f"answer {number}")]


def turns(count: int) -> list[BaseMessage]:
    return [m for n in range(1, count + 1) for m in turn(n)]


def summary_message(text: str) -> SystemMessage:
    return SystemMessage(f"Summary of the conversation so far:\n{text}")


class Gate:
    """A summariser that writes which lines it saw, when it is let."""

    def __init__(self, *, closed: bool = False) -> None:
        self.open = threading.Event()
        self.prompts: list[str] = []
        if not closed:
            self.open.set()

    def runnable(self) -> RunnableLambda[Any, str]:
        return RunnableLambda(self.answer)

    def answer(self, prompt: Any) -> str:
        assert self.open.wait(20)
        self.prompts.append(prompt.to_messages()[-1].text)
        return f"summary {len(self.prompts)}"


def test_shows_the_summary_and_nothing_else_when_up_to_date() -> None:
    gate = Gate()
    memory = SummaryMemory(gate.runnable())
    memory.update(turns(2))
    memory.settle()
    assert memory.view(turns(2)) == [summary_message("summary 1")]
    assert memory.summary(turns(2)) == "summary 1"
    assert "User: question 1\nAssistant: answer 1\nUser: question 2" in gate.prompts[0]


def test_new_turns_are_shown_word_for_word_until_they_are_summed_up() -> None:
    gate = Gate(closed=True)
    memory = SummaryMemory(gate.runnable())
    memory.update(turns(1))
    assert memory.view(turns(1)) == turns(1)  # does not wait, loses nothing
    gate.open.set()
    memory.settle()
    assert memory.view(turns(2)) == [summary_message("summary 1"), *turn(2)]


def test_the_old_summary_is_worked_into_the_new() -> None:
    gate = Gate()
    memory = SummaryMemory(gate.runnable())
    for count in (1, 2):
        memory.update(turns(count))
        memory.settle()
    assert memory.view(turns(2)) == [summary_message("summary 2")]
    assert "summary 1" in gate.prompts[1]
    assert "question 1" not in gate.prompts[1]
    memory.update(turns(2))
    memory.settle()
    assert len(gate.prompts) == 2  # nothing new, no call


def test_only_the_newest_waits() -> None:
    gate = Gate(closed=True)
    memory = SummaryMemory(gate.runnable())
    for count in range(1, 6):
        memory.update(turns(count))
    gate.open.set()
    memory.settle()
    assert memory.view(turns(5))[0].text.endswith(f"summary {len(gate.prompts)}")
    assert len(memory.view(turns(5))) == 1
    assert len(gate.prompts) <= 2


def test_summary_buffer_keeps_the_last_turns() -> None:
    memory = SummaryBufferMemory(Gate().runnable(), keep_turns=2)
    memory.update(turns(2))
    memory.settle()
    assert memory.view(turns(2)) == turns(2)
    memory.update(turns(4))
    memory.settle()
    assert memory.view(turns(4)) == [summary_message("summary 1"), *turn(3), *turn(4)]
    assert memory.view(turns(5)) == [summary_message("summary 1"), *turn(3), *turn(4), *turn(5)]


def test_one_system_message() -> None:
    memory = SummaryMemory(Gate().runnable())
    history = [SystemMessage("Be kind."), *turns(1)]
    memory.update(history)
    memory.settle()
    [only] = memory.view(history)
    assert only.text == "Be kind.\n\nSummary of the conversation so far:\nsummary 1"
    assert history[0].content == "Be kind."


def test_undone_and_edited_turns_are_in_no_summary() -> None:
    gate = Gate()
    memory = SummaryMemory(gate.runnable())
    for count in (1, 2):
        memory.update(turns(count))
        memory.settle()
    edited = [*turns(1), HumanMessage("edited"), AIMessage("other")]
    assert memory.view(turns(1)) == [summary_message("summary 1")]
    assert memory.view(edited) == [summary_message("summary 1"), *edited[2:]]
    memory.update(edited)
    memory.settle()
    assert "question 2" not in gate.prompts[-1]


def test_failure_leaves_the_previous_summary_in_force(caplog: pytest.LogCaptureFixture) -> None:
    model = ScriptedChatModel(replies=["first", {"error": "timeout"}, "", "third"])
    memory = SummaryMemory(model)
    memory.update(turns(1))
    memory.settle()
    for count in (2, 3):  # an error, and an empty answer
        memory.update(turns(count))
        memory.settle()
        shown = [summary_message("first"), *turns(count)[2:]]
        assert memory.view(turns(count)) == shown
        [warning] = memory.warnings()
        assert "could not be summarised" in warning
        assert memory.warnings() == []
    assert caplog.text.count("previous summary stays in force") == 2
    memory.update(turns(4))
    memory.settle()
    assert memory.view(turns(4)) == [summary_message("third")]


def test_a_summary_that_was_cut_is_told() -> None:
    def cut(_prompt: Any) -> AIMessage:
        return AIMessage("He asked and", response_metadata={"finish_reason": "length"})

    memory = SummaryMemory(RunnableLambda(cut))
    memory.update(turns(2))
    memory.settle()
    assert memory.view(turns(2)) == [summary_message("He asked and")]
    assert ["cut at max_tokens" in warning for warning in memory.warnings()] == [True]


def test_what_does_not_fit_is_summed_up_in_pieces() -> None:
    lengths: list[int] = []

    def small(prompt: Any) -> str:
        text = prompt.to_messages()[-1].text
        if text.count("question") > 2:
            raise ContextOverflow("too long", needed=9, available=6)
        lengths.append(text.count("question"))
        return f"summary {len(lengths)}"

    memory = SummaryMemory(RunnableLambda(small))
    memory.update(turns(7))
    memory.settle()
    assert sum(lengths) == 7
    assert memory.view(turns(7)) == [summary_message(f"summary {len(lengths)}")]


def test_state_is_taken_up_again() -> None:
    memory = SummaryMemory(Gate().runnable())
    memory.update(turns(2))
    memory.settle()
    other = SummaryMemory(Gate().runnable())
    other.restore(memory.state())
    assert other.view(turns(3)) == [summary_message("summary 1"), *turn(3)]
    other.restore({"summaries": "damaged"})
    assert other.view(turns(2)) == [summary_message("summary 1")]


def test_the_boundary_sees_the_call() -> None:
    class Watcher(Handler):
        def __init__(self) -> None:
            self.seen: list[str] = []

        def call(self, call: Call, proceed: Any) -> Any:
            self.seen.append(call.kind)
            return proceed()

        def stream(self, call: Call, proceed: Any) -> Iterator[Any]:
            self.seen.append(call.kind)
            yield from proceed()

    watcher = Watcher()
    memory = SummaryMemory(recordable(ScriptedChatModel(replies=["short"])))
    with handling(watcher):
        memory.update(turns(1))
    memory.settle()
    assert watcher.seen == ["model"]


def test_as_a_runnable_it_brings_itself_up_to_date() -> None:
    memory = SummaryMemory(Gate().runnable())
    assert memory.invoke({"history": turns(2)}) == [summary_message("summary 1")]


def test_stopping_drops_the_work() -> None:
    model = ScriptedChatModel(replies=[{"say": "late", "delay": 60}])
    memory = SummaryMemory(model)
    memory.update(turns(1))
    memory._background.stop()
    memory.settle()
    assert memory.view(turns(1)) == turns(1)
    assert memory.warnings() == []
