"""The scripted model: what answers when, and what a wrong script is told."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from agentlab import errors
from agentlab.boundary import recordable
from agentlab.cancellation import cancellable
from agentlab.models.scripted import ScriptedChatModel, create


@tool
def search(query: str) -> str:
    """Search."""
    return query


class Person(BaseModel):
    """A person."""

    name: str


def scripted(*replies: Any, **params: Any) -> ScriptedChatModel:
    return recordable(ScriptedChatModel(replies=replies, **params))


def written(folder: Path, text: str) -> str:
    path = folder / "script.yaml"
    path.write_text(text)
    return str(path)


# Which reply


def test_replies_in_order_then_a_loud_end() -> None:
    model = scripted("One", {"say": "Two"})
    assert [model.invoke("Hi").content for _ in range(2)] == ["One", "Two"]
    with pytest.raises(errors.ModelError, match=r"no reply is left that fits 'Hi' \(2 given, 2 in"):
        model.invoke("Hi")
    model.reset()
    assert model.invoke("Hi").content == "One"


def test_the_first_that_fits_answers() -> None:
    model = scripted(
        {"when": {"last": "1 + 1"}, "say": "2", "repeat": True},
        {"when": {"regex": r"my name is (\w+)"}, "say": "Hello!"},
        {"when": {"contains": ["sunny", "Paris"]}, "say": "Weather"},
        {"when": {"last": {"regex": "^Bye"}}, "say": "Goodbye!"},
        {"say": "Else", "repeat": 2},
    )
    history = [HumanMessage("What is 1 + 1?"), AIMessage("2")]
    assert model.invoke("What is 1 + 1?").content == "2"
    assert model.invoke("What is 1 + 1 again?").content == "2"
    assert model.invoke("my name is Ada").content == "Hello!"
    assert model.invoke("my name is Ada").content == "Else"  # used up
    assert model.invoke([*history, HumanMessage("Bye")]).content == "Goodbye!"
    assert model.invoke([SystemMessage("Paris"), HumanMessage("sunny?")]).content == "Weather"
    assert model.invoke([*history, HumanMessage("Well?")]).content == "Else"
    with pytest.raises(errors.ModelError):
        model.invoke("Well?")


def test_a_tool_result_can_be_looked_for() -> None:
    model = scripted(
        {"when": {"contains": "2,399"}, "say": "It costs 2,399 dollars."},
        {"tool_calls": [{"name": "search", "args": {"query": "price"}}]},
    )
    bound = model.bind_tools([search])
    call = bound.invoke("What is the price?")
    assert call.tool_calls == [
        {"name": "search", "args": {"query": "price"}, "id": "call_1", "type": "tool_call"}
    ]
    assert call.response_metadata["finish_reason"] == "tool_calls"
    result = ToolMessage("2,399", tool_call_id="call_1")
    answer = bound.invoke([HumanMessage("What is the price?"), call, result])
    assert answer.content == "It costs 2,399 dollars."


def test_copies_and_bindings_share_one_place() -> None:
    model = scripted("One", "Two", "Three")
    assert model.invoke("Hi").content == "One"
    assert model.model_copy(update={"temperature": 1}).invoke("Hi").content == "Two"
    assert model.bind(stop=["x"]).invoke("Hi").content == "Three"


def test_threads_get_every_reply_once() -> None:
    numbers = [str(n) for n in range(200)]
    answers = scripted(*numbers).batch(["Hi"] * 200)
    assert sorted((a.content for a in answers), key=int) == numbers  # type: ignore[arg-type]


# What it says


async def test_streams_word_by_word() -> None:
    model = scripted({"say": "  One two\n\nthree ", "repeat": True})
    chunks = list(model.stream("Hi there"))
    assert [c.text for c in chunks] == ["  One", " two", "\n\nthree ", ""]
    assert [c.text async for c in model.astream("Hi there")] == [c.text for c in chunks]
    whole = chunks[0] + chunks[1] + chunks[2] + chunks[3]
    assert whole.content == model.invoke("Hi there").content == "  One two\n\nthree "
    expected = {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5}
    assert whole.usage_metadata == (await model.ainvoke("Hi there")).usage_metadata == expected
    assert whole.response_metadata == model.invoke("Hi").response_metadata


def test_stop_and_max_tokens() -> None:
    model = scripted({"say": "One two three\nfour", "repeat": True})
    cut = model.bind(max_tokens=2).invoke("Hi")
    assert (cut.content, cut.response_metadata["finish_reason"]) == ("One two", "length")
    ended = model.invoke("Hi", stop=["\n"])
    assert (ended.content, ended.response_metadata["finish_reason"]) == ("One two three", "stop")


def test_finish_can_be_told() -> None:
    answer = scripted({"say": "One", "finish": "length"}).invoke("Hi")
    assert answer.response_metadata["finish_reason"] == "length"


def test_structured_output() -> None:
    model = scripted(
        '{"name": "Ada"}',
        {"tool_calls": [{"name": "Person", "args": {"name": "Ada"}}]},
        '{"name": 3}',
        "Ada",
        "Ada",
        '{"name": 3}',
    )
    structured = model.with_structured_output(Person)
    assert structured.invoke("Who?") == Person(name="Ada")
    assert structured.invoke("Who?") == Person(name="Ada")
    for text in ('{"name": 3}', "Ada"):
        with pytest.raises(errors.InvalidOutput) as caught:
            structured.invoke("Who?")
        assert caught.value.text == text
    raw = model.with_structured_output(Person, include_raw=True).invoke("Who?")
    assert raw["raw"].content == "Ada"
    assert raw["parsed"] is None
    assert isinstance(raw["parsing_error"], errors.InvalidOutput)
    with pytest.raises(errors.InvalidOutput, match=r"\$\.name"):
        model.with_structured_output(Person.model_json_schema()).invoke("Who?")


# Faults


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("timeout", errors.Unreachable),
        ("connection", errors.Unreachable),
        ("rate_limit", errors.RateLimited),
        ("the engine died", errors.ProviderError),
    ],
)
def test_errors(error: str, kind: type[Exception]) -> None:
    model = scripted({"error": error, "repeat": True})
    for call in (lambda: model.invoke("Hi"), lambda: list(model.stream("Hi"))):
        with pytest.raises(errors.ModelError) as caught:
            call()
        assert type(caught.value) is kind


def test_an_error_after_words_interrupts() -> None:
    model = scripted({"say": "One two", "error": "connection", "repeat": True})
    shown = []

    def read() -> None:
        for chunk in model.stream("Hi"):
            shown.append(chunk.text)

    with pytest.raises(errors.StreamInterrupted) as caught:
        read()
    assert caught.value.partial == "".join(shown) == "One two"
    with pytest.raises(errors.StreamInterrupted):
        model.invoke("Hi")


@pytest.mark.parametrize("slow", [{"delay": 60}, {"pace": 60}])
def test_cancel_ends_a_delay(slow: dict[str, Any]) -> None:
    model = scripted({"say": "One two", **slow})
    with cancellable() as scope:
        threading.Timer(0.2, scope.cancel).start()
        start = time.monotonic()
        with pytest.raises(errors.TurnCancelled):
            model.invoke("Hi")
    assert time.monotonic() - start < 5


async def test_cancel_ends_an_asynchronous_delay() -> None:
    model = scripted({"say": "One two", "delay": 60})
    with cancellable() as scope:
        threading.Timer(0.2, scope.cancel).start()
        with pytest.raises(errors.TurnCancelled):
            await model.ainvoke("Hi")


# Files


def test_a_file(tmp_path: Path) -> None:
    text = """
    replies:
    - say: no
    - say: 12:30
    - say: 007
    - when: {contains: 1}
      tool_calls: [{name: search, args: {query: no, last: 3, deep: {say: 0.5}, none: null}}]
    """
    model = create(written(tmp_path, text), temperature=0.5)
    assert [model.invoke("Hi").content for _ in range(3)] == ["no", "12:30", "007"]
    args = model.invoke("1").tool_calls[0]["args"]
    assert args == {"query": "no", "last": 3, "deep": {"say": 0.5}, "none": None}


def test_identity_is_the_scripts(tmp_path: Path) -> None:
    one = create(written(tmp_path, "replies: [{say: One}]")).identity
    same = create(written(tmp_path, "replies: [{say: One}]")).identity
    other = create(written(tmp_path, "replies: [{say: Two}]")).identity
    assert one == same != other
    assert len(one["sha256"]) == 64
    assert scripted("One").identity == scripted("One").identity != scripted("Two").identity


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("replies:\n- say: a\n- sya: b", ":3: unknown key 'sya'", "say"),
        ("replys: []", ":1: unknown key 'replys'", "replies"),
        ("replies:\n- say: a\n  when: {contians: b}", ":3: unknown key 'contians'", "contains"),
        ("replies:\n- say: a\n  when: {last: {regx: b}}", ":3: unknown key 'regx'", "regex"),
        ("replies:\n- tool_calls:\n  - {nam: a}", ":2: a tool call is a mapping with `name`", ""),
        ("replies:\n- tool_calls:\n  - {name: a, arg: 1}", ":3: unknown key 'arg'", "args"),
        ("replies:\n- delay: 1", ":2: a reply needs one of", ""),
        ("replies:\n- {error: timeout, tool_calls: []}", ":2: a reply has `tool_calls` or", ""),
        ("replies:\n- {say: a, delay: soon}", ":2: `delay` must be seconds", ""),
        ("replies:\n- {say: a, delay: .inf}", ":2: `delay` must be seconds", ""),
        ("replies:\n- {say: a, pace: -1}", ":2: `pace` must be seconds", ""),
        ("replies:\n- {say: a, repeat: 0}", ":2: `repeat` must be", ""),
        ("replies:\n- {say: a, when: {regex: '('}}", ":2: `regex` is not", ""),
        ("replies:\n- {say: a, when: {}}", ":2: `when` is a mapping", ""),
        ("replies:\n- {say: [a]}", ":2: `say` must be text, not a list", ""),
        ("replies:\n- {say: a, say: b}", ":2:12: the key 'say' is there twice", ""),
        ("replies: []", "`replies` is empty", ""),
        ("replies: hello", "`replies` must be a list", ""),
        ("", ":1: a script is a mapping", "replies"),
        ("- say: a", ":1: a script is a mapping", "replies"),
        ("replies: &a [*a]", ":1:14: the alias *a is inside", ""),
        ("replies: [", "not YAML", ""),
        ("replies: " + "[" * 5000, "not YAML", ""),
        ("replies: !!python/name:os.system [x]", "the tag", ""),
        ("replies: [{say: a, delay: !!float [x]}]", "the tag", ""),
        ("replies: [{say: a, delay: !!binary x}]", "the tag", ""),
        ("\x00", "not YAML", ""),
    ],
)
def test_wrong_scripts(tmp_path: Path, text: str, message: str, hint: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(errors.ConfigError) as caught:
        create(path)
    assert path in str(caught.value)
    assert message in str(caught.value)
    assert hint in caught.value.hint


def test_wrong_files(tmp_path: Path) -> None:
    with pytest.raises(errors.UnknownModel, match="no such file"):
        create(str(tmp_path / "none.yaml"))
    with pytest.raises(errors.UnknownModel, match="is a directory"):
        create(str(tmp_path))
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"replies: [{say: caf\xe9}]")
    with pytest.raises(errors.ConfigError, match="not UTF-8 text, at byte 19"):
        create(str(latin))


def test_aliases_do_not_multiply(tmp_path: Path) -> None:
    levels = ["a0: &a0 [x, x]"] + [
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)
    ]
    args = "{" + ", ".join(levels) + "}"
    text = "replies: [{tool_calls: [{name: a, args: " + args + "}]}]"
    with pytest.raises(errors.ConfigError, match="values, aliases included"):
        create(written(tmp_path, text))


def test_wrong_replies_in_python() -> None:
    with pytest.raises(errors.ConfigError, match="reply 2: unknown key 'sya'"):
        ScriptedChatModel(replies=["One", {"sya": "Two"}])
    with pytest.raises(errors.ConfigError, match="must be a list"):
        ScriptedChatModel(replies="One")


def test_unknown_parameter(tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigError, match="temprature") as caught:
        create(written(tmp_path, "replies: [{say: a}]"), temprature=1)
    assert "temperature" in caught.value.hint


def test_its_text_is_short_however_long_the_script() -> None:
    model = scripted(*["a long reply"] * 1000, script="talk.yaml")
    assert repr(model) == "ScriptedChatModel(script='talk.yaml')"
