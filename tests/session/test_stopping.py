"""Stopped, failed and cut-off answers: kept, marked, and out of the next turn's way."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage

from agentlab.cancellation import cancellable, current
from agentlab.errors import RunError, StreamInterrupted, TurnCancelled, Unreachable
from agentlab.events import Failed, Token, ToolCall, ToolResult, Warned
from agentlab.memory import SummaryMemory
from agentlab.models.scripted import ScriptedChatModel
from agentlab.prompts import load_prompt
from agentlab.session import Session, Store, Turn


def roles(session: Session) -> str:
    return "".join("U" if isinstance(m, HumanMessage) else "A" for m in session.shown)


def test_closing_the_iterator_stops_and_keeps(store: Store) -> None:
    class Model(ScriptedChatModel):
        def _stream(self, *args: Any, **kwargs: Any) -> Any:
            for chunk in super()._stream(*args, **kwargs):
                taken.append(chunk.text)
                yield chunk

    taken: list[str] = []
    model = Model(replies=[" ".join(["word"] * 500), "fine"])
    chat = Session(load_prompt("chat") | model, name="s", store=store)
    tokens = chat.stream("a")
    assert [next(tokens), next(tokens)] == ["word", " word"]
    tokens.close()
    assert len(taken) < 10  # not drained
    for session in (chat, Session.load("s", load_prompt("chat") | model, store=store)):
        [turn] = session.turns
        assert (turn.status, turn.text) == ("stopped", "word word")
        assert session.history[-1].response_metadata["incomplete"] == "stopped"
        assert roles(session) == "UA"
    assert chat.send("b").text == "fine"
    assert roles(chat) == "UAUA"


def test_leaving_the_loop_frees_the_session() -> None:
    chat = Session(ScriptedChatModel(replies=["one two three", "four"]))
    for _ in chat.stream("a"):
        break
    assert chat.send("b").text == "four"
    assert [t.status for t in chat.turns] == ["stopped", "complete"]


def test_cancelling_the_scope_stops() -> None:
    chat = Session(ScriptedChatModel(replies=[{"say": "one two", "pace": 60}, "fine"]))
    with cancellable() as scope:
        threading.Timer(0.2, scope.cancel).start()
        with pytest.raises(TurnCancelled):
            chat.send("a")
    assert (chat.turns[0].status, chat.turns[0].text) == ("stopped", "one")
    assert chat.send("b").text == "fine"


def test_the_scope_does_not_leak() -> None:
    chat = Session(ScriptedChatModel(replies=["one two"]))
    tokens = chat.stream("a")
    next(tokens)
    assert current() is None
    tokens.close()
    assert current() is None


def test_ctrl_c() -> None:
    chat = Session(ScriptedChatModel(replies=[{"say": "one two three", "pace": 0.3}]))
    main = threading.get_ident()
    threading.Timer(0.5, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        chat.send("a")
    assert chat.turns[0].status == "stopped"


async def test_cancelling_a_task_stops() -> None:
    chat = Session(ScriptedChatModel(replies=[{"say": "one two three", "pace": 0.2}, "fine"]))
    task = asyncio.create_task(chat.asend("a"))
    await asyncio.sleep(0.1)
    assert chat.history
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert chat.turns[0].status == "stopped"
    assert (await chat.asend("b")).text == "fine"


async def test_leaving_an_async_loop_stops() -> None:
    chat = Session(ScriptedChatModel(replies=["one two three", "fine"]))
    tokens = chat.astream("a")
    assert await anext(tokens) == "one"
    await tokens.aclose()
    assert (chat.turns[0].status, chat.turns[0].text) == ("stopped", "one")
    assert (await chat.asend("b")).text == "fine"


def test_failed_with_a_partial_text(store: Store) -> None:
    model = ScriptedChatModel(replies=[{"say": "half an", "error": "gone"}, "fine"])
    chat = Session(model, name="s", store=store)
    events = []
    with pytest.raises(StreamInterrupted):  # noqa: PT012
        for event in chat.events("a"):
            events.append(event)
    assert isinstance(events[-1], Failed)
    assert events[-1].partial == "half an"
    [turn] = Session.load("s", model, store=store).turns
    assert (turn.status, turn.text) == ("failed", "half an")
    assert "gone" in turn.error
    assert roles(chat) == "UA"
    chat.send("b")
    assert roles(chat) == "UAUA"


def test_failed_without_a_word_is_left_out_and_can_be_retried() -> None:
    chat = Session(ScriptedChatModel(replies=[{"error": "timeout"}, "fine", "also fine"]))
    with pytest.raises(Unreachable):
        chat.send("a")
    assert (chat.turns[0].status, chat.turns[0].text) == ("failed", "")
    assert chat.shown == []
    assert len(chat.history) == 2
    assert chat.retry().text == "fine"
    assert [t.status for t in chat.turns] == ["complete"]


def test_an_empty_answer_is_left_out() -> None:
    chat = Session(ScriptedChatModel(replies=["", "fine"]))
    assert chat.send("a").text == ""
    assert chat.turns[0].status == "complete"
    assert chat.shown == []
    chat.send("b")
    assert roles(chat) == "UA"


def test_unanswered_tool_calls_are_not_shown() -> None:
    class Agent:
        def stream(self, given: Any) -> Iterator[Any]:
            yield ToolCall("c1", "search", {})
            raise RunError("the tool has gone")

    chat = Session(Agent())
    with pytest.raises(RunError):
        chat.send("a")
    assert any(getattr(m, "tool_calls", []) for m in chat.history)
    assert chat.shown == []


def test_a_result_without_an_answer_leaves_what_was_said_before() -> None:
    class Agent:
        def stream(self, given: Any) -> Iterator[Any]:
            yield Token("Let me look.")
            yield ToolCall("c1", "search", {})
            yield ToolResult("c1", "search", "42")
            raise RunError("no more")

    chat = Session(Agent())
    with pytest.raises(RunError):
        chat.send("a")
    assert len(chat.history) == 4
    assert [type(m) for m in chat.shown] == [HumanMessage, AIMessage]
    assert chat.shown[1].text == "Let me look."
    assert not chat.shown[1].tool_calls  # type: ignore[attr-defined]


def test_a_useless_result_is_told() -> None:
    class Chain:
        def stream(self, given: Any) -> Iterator[Any]:
            yield {"title": "x"}

    with pytest.raises(RunError, match="has no answer, only title"):
        Session(Chain()).send("a")


def test_errors_before_the_model_leave_the_question(store: Store) -> None:
    class Chain:
        def stream(self, given: Any) -> Iterator[Any]:
            raise ZeroDivisionError("oops")
            yield

    chat = Session(Chain(), name="s", store=store)
    with pytest.raises(ZeroDivisionError):
        chat.send("a")
    assert Session.load("s", Chain(), store=store).turns[0].error == "oops"


def test_a_partial_answer_is_stored_while_it_grows(store: Store) -> None:
    class Slow:
        def stream(self, given: Any) -> Iterator[Any]:
            yield AIMessageChunk("one ")
            time.sleep(1.1)
            yield AIMessageChunk("two ")
            yield AIMessageChunk("three")

    chat = Session(Slow(), name="s", store=store)
    tokens = chat.stream("a")
    next(tokens), next(tokens)
    # Taking the next piece comes after what was kept of those before.
    assert next(tokens) == "three"
    stored: list[Turn] = Session.load("s", Slow(), store=store).turns
    assert (stored[0].status, stored[0].text) == ("unfinished", "one two ")
    assert roles(Session.load("s", Slow(), store=store)) == "UA"
    assert list(tokens) == []
    assert Session.load("s", Slow(), store=store).turns[0].text == "one two three"


def test_a_summary_that_fails_warns_in_the_next_turn(caplog: pytest.LogCaptureFixture) -> None:
    memory = SummaryMemory(ScriptedChatModel(replies=[{"error": "timeout"}, "short"]))
    chat = Session(ScriptedChatModel(replies=["1", "2"]), memory)
    with caplog.at_level(logging.ERROR):
        chat.send("a")
        chat.settle()
        events = list(chat.events("b"))
    assert isinstance(events[0], Warned)
    chat.settle()
    assert chat.context("c").messages[0].text.endswith("short")


def test_the_summary_is_stored_with_the_session(store: Store) -> None:
    summariser = ScriptedChatModel(replies=["short"])
    chat = Session(ScriptedChatModel(replies=["1"]), SummaryMemory(summariser), "s", store)
    chat.send("a")
    chat.settle()
    again = Session.load("s", ScriptedChatModel(replies=["2"]), store=store)
    assert again.memory.spec == "summary"
    assert again.context("b").messages[0].text.endswith("short")
    assert isinstance(again.history[-1], AIMessage)
