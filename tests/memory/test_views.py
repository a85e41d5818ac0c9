"""Buffer, window and token memories: what they show of a history."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import RunnablePassthrough

from agentlab.errors import ConfigError
from agentlab.memory import BufferMemory, Memory, TokenMemory, WindowMemory, parse_memory
from agentlab.memory.turns import split
from agentlab.models.scripted import ScriptedChatModel

MODEL = ScriptedChatModel(replies=["ok"])  # a token is a word


def turn(number: int, *, tool: bool = False) -> list[BaseMessage]:
    messages: list[BaseMessage] = [HumanMessage(f"question {number}")]
    if tool:
        call = {"name": "search", "args": {}, "id": f"c{number}"}
        messages += [AIMessage("", tool_calls=[call]), ToolMessage("r", tool_call_id=f"c{number}")]
    return [*messages, AIMessage(f"answer {number}")]


def test_buffer_shows_everything() -> None:
    history = [SystemMessage("s"), *turn(1), *turn(2)]
    assert BufferMemory().view(history) == history
    assert BufferMemory().view(history) is not history


def test_window_keeps_system_and_the_last_turns() -> None:
    history = [SystemMessage("s"), *turn(1), *turn(2, tool=True), *turn(3)]
    assert WindowMemory(turns=2).view(history) == [history[0], *turn(2, tool=True), *turn(3)]
    assert WindowMemory(turns=9).view(history) == history


def test_a_window_that_grows_and_is_cut_back_shows_the_same_beginning_for_some_turns() -> None:
    memory = WindowMemory(turns=2, most=4)
    history = [SystemMessage("s")]
    shown, beginnings = [], []
    for number in range(1, 12):
        history += turn(number)
        view = memory.view(history)
        assert view[0] == history[0]
        assert view[1:] == history[-len(view) + 1 :]
        shown.append(sum(isinstance(message, HumanMessage) for message in view))
        beginnings.append(view[1].text)
    assert shown == [1, 2, 3, 4, 2, 3, 4, 2, 3, 4, 2]
    assert len(set(beginnings)) == 4


@pytest.mark.parametrize("most", [1, 0, True, "4"])
def test_the_most_a_window_shows_is_not_less_than_the_least(most: object) -> None:
    with pytest.raises(ConfigError, match="most"):
        WindowMemory(turns=2, most=most)  # type: ignore[arg-type]


def test_window_starts_on_a_user_message() -> None:
    greeting = AIMessage("Hello, I am your assistant.")
    assert WindowMemory(turns=1).view([greeting, *turn(1), *turn(2)]) == turn(2)
    assert WindowMemory(turns=5).view([greeting, *turn(1)]) == turn(1)


def test_system_message_in_the_middle_is_kept() -> None:
    late = SystemMessage("from now on in French")
    history = [SystemMessage("s"), *turn(1), late, *turn(2), *turn(3)]
    assert WindowMemory(turns=1).view(history) == [history[0], late, *turn(3)]


@pytest.mark.parametrize(
    ("budget", "shown"), [(1, 0), (4, 0), (5, 1), (8, 1), (9, 2), (12, 2), (13, 3), (99, 3)]
)
def test_tokens_keeps_whole_turns_that_fit(budget: int, shown: int) -> None:
    history = [SystemMessage("system"), *turn(1), *turn(2), *turn(3)]  # 1 + 3 * 4 words
    view = TokenMemory(budget, model=MODEL).view(history)
    assert view == [history[0], *[m for n in range(4 - shown, 4) for m in turn(n)]]


def test_fraction_of_the_context() -> None:
    class Small(ScriptedChatModel):
        context_length: int = 20

    small = Small(replies=["ok"])
    memory = TokenMemory(fraction=0.25, model=small)
    assert memory.max_tokens == 5
    assert memory.view([*turn(1), *turn(2)]) == turn(2)
    with pytest.raises(ConfigError, match="does not say how long its context is"):
        TokenMemory(fraction=0.25, model=MODEL)


@pytest.mark.parametrize(
    "make",
    [
        lambda: WindowMemory(turns=0),
        lambda: WindowMemory(turns=True),
        lambda: WindowMemory(turns=2.5),  # type: ignore[arg-type]
        lambda: TokenMemory(0, model=MODEL),
        lambda: TokenMemory(model=MODEL),
        lambda: TokenMemory(5, fraction=0.5, model=MODEL),
        lambda: TokenMemory(fraction=1.5, model=MODEL),
    ],
)
def test_wrong_limits(make: Any) -> None:
    with pytest.raises(ConfigError):
        make()


def histories() -> st.SearchStrategy[list[BaseMessage]]:
    one = st.tuples(st.integers(0, 99), st.booleans()).map(lambda t: turn(t[0], tool=t[1]))
    system = st.sampled_from([[], [SystemMessage("be kind")], [AIMessage("greeting")]])
    turns = st.lists(one, max_size=6).map(lambda ts: [m for t in ts for m in t])
    return st.tuples(system, turns).map(lambda parts: [*parts[0], *parts[1]])


@given(histories(), st.integers(1, 7))
def test_every_view_is_whole_and_the_history_untouched(
    history: list[BaseMessage], size: int
) -> None:
    before = copy.deepcopy(history)
    memories: list[Memory] = [WindowMemory(size), TokenMemory(size * 3, model=MODEL)]
    for memory in memories:
        view = memory.view(history)
        assert history == before
        talk = [m for m in view if not isinstance(m, SystemMessage)]
        assert not talk or isinstance(talk[0], HumanMessage)
        assert talk == history[len(history) - len(talk) :]
        calls = {c["id"] for m in talk if isinstance(m, AIMessage) for c in m.tool_calls}
        assert {m.tool_call_id for m in talk if isinstance(m, ToolMessage)} == calls
        assert [m for m in history if isinstance(m, SystemMessage)] == view[: len(view) - len(talk)]
    assert len(split(WindowMemory(size).view(history)).turns) == min(
        size, len(split(history).turns)
    )
    assert (
        MODEL.get_num_tokens_from_messages(
            [m for m in memories[1].view(history) if not isinstance(m, SystemMessage)]
        )
        <= size * 3
    )


def test_composes_as_a_runnable() -> None:
    prompt = ChatPromptTemplate.from_messages([MessagesPlaceholder("history"), ("user", "{input}")])
    seen = ScriptedChatModel(replies=[{"say": "fine", "when": {"regex": r"\Aquestion 2"}}])
    chain = RunnablePassthrough.assign(history=WindowMemory(turns=1)) | prompt | seen
    assert chain.invoke({"input": "and?", "history": [*turn(1), *turn(2)]}).text == "fine"
    assert WindowMemory(turns=1).invoke([*turn(1), *turn(2)]) == turn(2)
    with pytest.raises(ConfigError, match="list of messages, not str"):
        WindowMemory(turns=1).invoke("hello")


@pytest.mark.parametrize(
    ("spec", "canonical"),
    [
        ("buffer", "buffer"),
        ("window", "window:4"),
        (" Window:2 ", "window:2"),
        ("window:2-4", "window:2-4"),
        ("window:2-2", "window:2"),
        ("tokens:2000", "tokens:2000"),
        ("summary", "summary"),
        ("summary_buffer", "summary_buffer:3"),
        ("summary-buffer:7", "summary_buffer:7"),
    ],
)
def test_parse(spec: str, canonical: str) -> None:
    memory = parse_memory(spec, MODEL)
    assert memory.spec == canonical
    assert type(parse_memory(memory.spec, MODEL)) is type(memory)


def test_parse_share_of_the_context() -> None:
    class Small(ScriptedChatModel):
        context_length: int = 1000

    memory = parse_memory("tokens:25%", Small(replies=["ok"]))
    assert isinstance(memory, TokenMemory)
    assert (memory.max_tokens, memory.spec) == (250, "tokens:25%")


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "window:",
        "window:x",
        "window:0",
        "window:-1",
        "window:4-2",
        "window:2-",
        "buffer:3",
        "tokens:x%",
        "tokens:0%",
    ],
)
def test_parse_refuses(spec: str) -> None:
    with pytest.raises(ConfigError):
        parse_memory(spec, MODEL)


def test_parse_suggests_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_memory("windw:4", MODEL)
    assert caught.value.hint == "did you mean 'window:4'?"
    with pytest.raises(ConfigError, match="needs a model"):
        parse_memory("summary")
