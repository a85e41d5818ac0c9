"""Asking, moving and keeping: what a session does when all goes well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import RunnableLambda

from agentlab.errors import ConfigError, SessionBusy
from agentlab.events import Answer, Event, Token, ToolCall, ToolResult, Usage
from agentlab.memory import WindowMemory
from agentlab.models.scripted import ScriptedChatModel
from agentlab.prompts import load_prompt
from agentlab.session import Session, Store, delete, export, list_sessions
from tests.session.conftest import Echo


def texts(session: Session) -> list[str]:
    return [message.text for message in session.history]


def test_send_stream_and_events() -> None:
    chat = Session(ScriptedChatModel(replies=["one two", "three four", "five"]))
    answer = chat.send("a")
    assert isinstance(answer, AIMessage)
    assert answer.text == "one two"
    assert list(chat.stream("b")) == ["three", " four"]
    events = list(chat.events("c"))
    assert [type(e) for e in events] == [Token, Usage, Answer]
    assert texts(chat) == ["a", "one two", "b", "three four", "c", "five"]
    assert chat.turns[1].usage.output_tokens == 2
    assert chat.usage.model_calls == 3
    assert chat.usage.seconds > 0


async def test_async() -> None:
    chat = Session(ScriptedChatModel(replies=["one two", "three four"]))
    assert (await chat.asend("a")).text == "one two"
    assert [token async for token in chat.astream("b")] == ["three", " four"]
    assert [turn.status for turn in chat.turns] == ["complete", "complete"]


def test_the_model_is_shown_prompt_memory_and_question(echo: Echo) -> None:
    chat = Session(echo.runnable(), WindowMemory(turns=1))
    for question in "abc":
        chat.send(question)
    assert [[m.text for m in shown] for shown in echo.shown] == [
        [],
        ["a", "re: a"],
        ["b", "re: b"],
    ]
    assert len(chat.history) == 6


def test_system_text(echo: Echo) -> None:
    bare = Session(ScriptedChatModel(replies=["ok"]), system="Be brief.")
    assert [m.text for m in bare.context("hi").messages] == ["Be brief.", "hi"]
    shipped = Session(load_prompt("chat") | ScriptedChatModel(replies=["ok"]), system="Be brief.")
    assert [m.text for m in shipped.context("hi").messages] == ["Be brief.", "hi"]
    Session(echo.runnable(), system="Be brief.").send("hi")
    assert echo.shown == [[SystemMessage("Be brief.")]]


def test_context_is_what_the_model_then_sees() -> None:
    seen: list[Any] = []

    class Watching(ScriptedChatModel):
        def _stream(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append([m.text for m in messages])
            yield from super()._stream(messages, *args, **kwargs)

    chat = Session(load_prompt("chat") | Watching(replies=["first answer", "second"]), "window:1")
    chat.send("one")
    context = chat.context("two words")
    assert len(seen) == 1  # looking calls no model
    chat.send("two words")
    assert seen[1] == [m.text for m in context.messages]
    assert context.tokens[-1] == 2
    assert context.total == sum(context.tokens)
    assert context.exact
    assert [m.text for m in chat.context().messages][-2:] == ["two words", "second"]


def test_undo_redo_clear() -> None:
    chat = Session(ScriptedChatModel(replies=["1", "2", "3"]))
    chat.send("a")
    chat.send("b")
    assert chat.undo().user.text == "b"
    assert chat.undo().user.text == "a"
    assert texts(chat) == []
    with pytest.raises(ConfigError, match="nothing to undo"):
        chat.undo()
    chat.redo()
    assert texts(chat) == ["a", "1"]
    chat.redo()
    assert texts(chat) == ["a", "1", "b", "2"]
    chat.clear()
    assert texts(chat) == []
    chat.redo()
    chat.undo()
    chat.send("c")
    assert texts(chat) == ["a", "1", "c", "3"]
    with pytest.raises(ConfigError, match="nothing to redo"):
        chat.redo()


def test_retry_and_edit_keep_the_old_branch() -> None:
    chat = Session(ScriptedChatModel(replies=["1", "2", "3"]))
    chat.send("a")
    assert chat.retry().text == "2"
    assert texts(chat) == ["a", "2"]
    assert chat.edit("A").text == "3"
    assert texts(chat) == ["A", "3"]
    branches = chat.branches()
    assert [t[-1].text for t in branches.values()] == ["1", "2", "3"]
    chat.switch(next(iter(branches)))
    assert texts(chat) == ["a", "1"]
    with pytest.raises(ConfigError, match="no branch"):
        chat.switch("nowhere")


def test_nothing_to_retry_or_edit() -> None:
    chat = Session(ScriptedChatModel(replies=["1"]))
    for act in (chat.retry, lambda: chat.edit("x")):
        with pytest.raises(ConfigError, match="nothing to"):
            act()
    with pytest.raises(ConfigError, match="text is empty"):
        chat.send("  ")
    assert chat.send("a").text == "1"


def test_fork_goes_its_own_way(echo: Echo, store: Store) -> None:
    chat = Session(echo.runnable(), name="main", store=store)
    chat.send("a")
    twin = chat.fork("twin")
    twin.send("b")
    chat.send("c")
    assert texts(Session.load("twin", echo.runnable(), store=store)) == ["a", "re: a", "b", "re: b"]
    assert texts(Session.load("main", echo.runnable(), store=store)) == ["a", "re: a", "c", "re: c"]
    assert chat.fork().name is None


def test_load_goes_on_where_it_was(echo: Echo, store: Store) -> None:
    chat = Session(echo.runnable(), "window:1", name="s", store=store, system="Be brief.")
    for question in "abc":
        chat.send(question)
    chat.undo()
    again = Session.load("s", echo.runnable(), store=store)
    assert texts(again) == texts(chat) == ["a", "re: a", "b", "re: b"]
    assert (again.memory.spec, again.system) == ("window:1", "Be brief.")
    assert [t.usage for t in again.turns] == [t.usage for t in chat.turns]
    assert {m.id for m in again.history}.isdisjoint(m.id for m in chat.history)
    again.redo()
    assert texts(again)[-1] == "re: c"
    assert texts(Session.open("s", echo.runnable(), store=store))[-1] == "re: c"
    assert texts(Session.open("new", echo.runnable(), store=store)) == []


def test_save_names_renames_and_never_overwrites(echo: Echo, store: Store) -> None:
    for n in range(2):
        chat = Session(echo.runnable(), store=store)
        chat.send(f"run {n}")
        assert [s.name for s in list_sessions(store)] == ["maarten"] * n
        chat.save("maarten")
    assert texts(Session.load("maarten", echo.runnable(), store=store))[0] == "run 1"
    assert texts(Session.load("maarten~1", echo.runnable(), store=store))[0] == "run 0"
    chat.send("more")
    chat.save("maarten")
    chat.save("other")
    assert {s.name for s in list_sessions(store)} == {"other", "maarten~1"}
    assert texts(Session.load("other", echo.runnable(), store=store))[-1] == "re: more"


def test_list_and_delete(echo: Echo, store: Store) -> None:
    Session(echo.runnable(), name="ada", store=store).send("hello there")
    [listed] = list_sessions(store)
    assert (listed.name, listed.messages, listed.first) == ("ada", 2, "hello there")
    with pytest.raises(ConfigError) as caught:
        Session.load("adda", echo.runnable(), store=store)
    assert caught.value.hint == "did you mean 'ada'?"
    with pytest.raises(ConfigError, match="already"):
        Session(echo.runnable(), name="ada", store=store)
    delete("ada", store)
    assert list_sessions(store) == []
    with pytest.raises(ConfigError, match="no session"):
        delete("ada", store)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 101, "a\x1b[0m", "‮abc"])
def test_names_that_are_none(echo: Echo, store: Store, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be a session's name"):
        Session(echo.runnable(), name=name, store=store)


def test_nothing_is_written_without_a_name(echo: Echo, store: Store) -> None:
    Session(echo.runnable(), store=store).send("a")
    assert not store.path.exists()


def test_target_and_memory_can_change(echo: Echo, store: Store) -> None:
    chat = Session(ScriptedChatModel(replies=["1"]), name="s", store=store)
    chat.send("a")
    chat.target = echo.runnable()
    chat.memory = "window:1"
    chat.send("b")
    chat.send("c")
    assert [m.text for m in echo.shown[1]] == ["b", "re: b"]
    assert Session.load("s", echo.runnable(), store=store).memory.spec == "window:1"


def test_one_answer_at_a_time() -> None:
    chat = Session(ScriptedChatModel(replies=["one two", "3"]))
    tokens = chat.stream("a")
    next(tokens)
    for act in (lambda: chat.send("b"), chat.undo, chat.retry):
        with pytest.raises(SessionBusy):
            act()
    assert list(tokens) == [" two"]
    assert chat.send("b").text == "3"


def test_another_process_has_gone_on(echo: Echo, store: Store) -> None:
    chat = Session(echo.runnable(), name="s", store=store)
    chat.send("a")
    other = Session.load("s", echo.runnable(), store=store)
    other.send("b")
    with pytest.raises(SessionBusy, match="another process"):
        chat.send("c")
    assert texts(chat) == ["a", "re: a"]
    assert len(echo.shown) == 2  # the model was not called


def test_another_process_goes_on_during_an_answer(store: Store) -> None:
    model = ScriptedChatModel(replies=["one two", "other", "more"])
    chat = Session(model, name="s", store=store)
    tokens = chat.stream("a")
    next(tokens)
    other = Session.load("s", model, store=store)
    other.edit("x")
    assert list(tokens) == [" two"]  # kept, as a branch
    branches = Session.load("s", model, store=store).branches().values()
    assert sorted(t[-1].text for t in branches) == ["one two", "other"]


def test_attach(echo: Echo, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("```\ncode\n```\n")
    chat = Session(echo.runnable())
    chat.attach(tmp_path / "notes.txt")
    chat.send("What is this?")
    chat.send("And now?")
    assert texts(chat)[0] == "File notes.txt:\n````\n```\ncode\n```\n````\n\nWhat is this?"
    assert texts(chat)[2] == "And now?"
    (tmp_path / "image.png").write_bytes(b"\x89PNG\0")
    (tmp_path / "big.txt").write_bytes(b"x" * (2**20 + 1))
    for name in ("image.png", "big.txt", "missing.txt", "."):
        with pytest.raises(ConfigError, match="cannot be attached"):
            chat.attach(tmp_path / name)


class Agent:
    """Streams events, as agents do."""

    def stream(self, given: Any) -> Any:
        yield Token("Let me look. ")
        yield ToolCall("c1", "search", {"q": given["input"]})
        yield ToolResult("c1", "search", "42")
        yield Token("It is ")
        yield Token("42.")
        yield Answer("It is 42.")


def test_agents(store: Store) -> None:
    chat = Session(Agent(), name="agent", store=store)
    events: list[Event] = list(chat.events("the answer?"))
    assert [type(e).__name__ for e in events] == [
        *("Token", "ToolCall", "ToolResult", "Token", "Token", "Usage", "Answer")
    ]
    kinds = [HumanMessage, AIMessage, ToolMessage, AIMessage]
    for session in (chat, Session.load("agent", Agent(), store=store)):
        assert [type(m) for m in session.shown] == kinds
        assert session.history[1].tool_calls[0]["id"] == session.history[2].tool_call_id
        assert session.history[-1].text == "It is 42."


def test_a_tool_that_answers_itself() -> None:
    call = AIMessage("", tool_calls=[{"name": "search", "args": {}, "id": "c1"}])
    result = ToolMessage("42", tool_call_id="c1")
    graph = RunnableLambda(lambda given: {"messages": [HumanMessage("q"), call, result]})
    chat = Session(graph)
    assert chat.send("q").text == "42"
    assert [type(m) for m in chat.shown] == [HumanMessage, AIMessage, ToolMessage, AIMessage]
    assert Session(RunnableLambda(lambda _: HumanMessage("odd"))).send("q").text == "odd"


def test_targets_that_are_none() -> None:
    with pytest.raises(ConfigError, match="not to str"):
        Session("smollm2")
    with pytest.raises(ConfigError, match="memory"):
        Session(ScriptedChatModel(replies=["1"]), memory=3)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="no place for what was said"):
        Session(load_prompt("story/title") | ScriptedChatModel(replies=["1"]))


def test_other_langchain_prompts_and_lambdas() -> None:
    prompt = ChatPromptTemplate.from_messages([MessagesPlaceholder("history"), ("user", "{input}")])
    chain = prompt | ScriptedChatModel(replies=["One.", "Two."]) | RunnableLambda(lambda m: m.text)
    chat = Session(chain)
    assert chat.send("a").text == "One."
    assert chat.send("b").text == "Two."
    assert texts(chat) == ["a", "One.", "b", "Two."]


def test_half_surrogates_do_no_harm(echo: Echo, store: Store) -> None:
    chat = Session(RunnableLambda(lambda _: "an answer \ud83d"), name="s", store=store)
    chat.send("caf\udcc3 \U0001f600")
    assert texts(chat)[0] == "caf\ufffd \U0001f600"
    assert texts(Session.load("s", echo.runnable(), store=store)) == texts(chat)
    for kind in ("md", "json", "py"):
        export("s", kind, store).encode()
