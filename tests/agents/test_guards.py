"""Every limit, and every way a tool can fail: the run goes on, or says why it was cut short."""

from __future__ import annotations

import time
from typing import Any

import pytest
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.tools import tool

from agentlab import Limits, ToolPolicy, create_agent, handling
from agentlab.agents.room import _told
from agentlab.errors import ConfigError, ContextOverflow
from agentlab.events import Token, ToolResult
from agentlab.tools import guard
from tests.agents.parts import Spy, acts, call, native, of, run, text

ENDLESS = [call("calculator", expression=f"{n}+1") for n in range(30)]
ENDLESS_TEXT = [acts("calculator", f'{{"expression": "{n}+1"}}') for n in range(30)]


def answering(replies: list[Any], n: int, answer: str = "So: 7.") -> list[Any]:
    """``n`` calls, and ``answer`` when it is asked for."""
    return [{"when": {"contains": "Use no more tools"}, "say": answer}, *replies[:n]]


@pytest.mark.parametrize(
    ("limits", "max_steps", "stopped", "calls"),
    [
        (Limits(), 3, "steps", 3),
        (Limits(), 8, "steps", 8),
        (Limits(), 0, "steps", 0),
        (Limits(model_calls=3), 8, "model_calls", 2),
        (Limits(model_calls=1), 8, "model_calls", 0),
        (Limits(tool_calls=2), 8, "tool_calls", 2),
        (Limits(tokens=20), 8, "tokens", 1),
    ],
)
@pytest.mark.parametrize("kind", ["native", "text"])
def test_at_a_limit_it_answers_from_what_it_has(
    kind: str, limits: Limits, max_steps: int, stopped: str, calls: int
) -> None:
    if kind == "native":
        model: Any = native(*answering(ENDLESS, 30))
    else:
        model = text(*answering(ENDLESS_TEXT, 30, "Thought: no.\nFinal Answer: So: 7."))
    agent = create_agent(model, ["calculator"], max_steps=max_steps, limits=limits)
    result, events = run(agent)
    assert result["stopped"] == stopped
    assert result["answer"] == "So: 7."
    assert len(result["steps"]) == calls
    assert "".join(e.text for e in of(Token, events)) == "So: 7."


def test_calls_beyond_the_limit_are_not_made() -> None:
    many = {
        "tool_calls": [
            {"name": "calculator", "args": {"expression": f"{n}+0"}} for n in range(1, 6)
        ]
    }
    agent = create_agent(native(many, "Done."), ["calculator"], limits=Limits(tool_calls=2))
    result, _ = run(agent)
    assert [s["error"] for s in result["steps"]] == [False, False, True, True, True]
    assert "no more may be" in result["steps"][2]["result"]
    assert (result["stopped"], result["answer"]) == ("tool_calls", "Done.")


def test_the_same_call_is_not_made_three_times() -> None:
    done = []

    @tool
    def look(at: str) -> str:
        """Look."""
        done.append(at)
        return "nothing"

    agent = create_agent(
        native(*answering([call("look", at="door")] * 9, 9)), [guard(look, ToolPolicy())]
    )
    result, _ = run(agent)
    assert result["stopped"] == "repeated"
    assert done == ["door", "door"]
    assert "was made 2 times before" in result["steps"][2]["result"]


def test_time_stops_a_tool_that_hangs() -> None:
    @tool
    def hang() -> str:
        """Hang."""
        time.sleep(60)
        return ""

    agent = create_agent(
        native(*answering([call("hang")], 1)),
        [guard(hang, ToolPolicy())],
        limits=Limits(seconds=0.5),
    )
    started = time.monotonic()
    result, _ = run(agent)
    assert time.monotonic() - started < 20
    assert (result["stopped"], result["answer"]) == ("seconds", "So: 7.")
    assert "the time for this task is over" in result["steps"][0]["result"]


def test_time_stops_a_model_that_hangs() -> None:
    slow = {"say": "never", "delay": 60}
    agent = create_agent(native(*answering([slow], 1)), [], limits=Limits(seconds=0.3))
    result, _ = run(agent)
    assert (result["stopped"], result["answer"]) == ("seconds", "So: 7.")


async def test_time_stops_an_asynchronous_run() -> None:
    slow = {"say": "never", "delay": 60}
    agent = create_agent(native(*answering([slow], 1)), [], limits=Limits(seconds=0.3))
    result = await agent.ainvoke("Go.")
    assert (result["stopped"], result["answer"]) == ("seconds", "So: 7.")


def test_time_cuts_an_answer_that_has_begun() -> None:
    agent = create_agent(
        native({"say": "one two three four five six", "pace": 0.25}),
        [],
        limits=Limits(seconds=0.6),
    )
    result, events = run(agent)
    assert result["stopped"] == "seconds"
    assert result["answer"].startswith("one")
    assert not result["answer"].endswith("six")
    assert "".join(e.text for e in of(Token, events)) == result["answer"], "shown once"


def test_a_model_that_never_answers_has_an_honest_answer() -> None:
    agent = create_agent(text(*["Hm."] * 9), ["calculator"], max_steps=0)
    assert run(agent)[0]["answer"] == "Hm."
    agent = create_agent(text(*["Thought:"] * 9), ["calculator"])
    result, events = run(agent)
    assert result["answer"] == "I found no answer within my limits."
    assert of(Token, events)[-1].text == result["answer"]


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        (RuntimeError("boom"), "failed with RuntimeError: boom"),
        (SystemExit(3), "failed with SystemExit"),
        ("x" * 10_000_000, "characters left out"),
        (b"\x89PNG\r\n\x1a\n\0\0", "PNG image"),
        ({"a": {1, 2}}, '{"a": [1, 2]}'),
        (object(), "no text form"),
        (None, "(no result)"),
    ],
)
def test_whatever_a_tool_does_becomes_a_result(returned: Any, told: str) -> None:
    @tool
    def odd() -> Any:
        """Do something odd."""
        if isinstance(returned, BaseException):
            raise returned
        return returned

    agent = create_agent(native(call("odd"), "Done."), [guard(odd, ToolPolicy())])
    with handling(spy := Spy()):
        result, events = run(agent)
    assert result["answer"] == "Done."
    (got,) = of(ToolResult, events)
    assert told in got.content
    assert got.error == isinstance(returned, BaseException)
    assert len(spy.texts()) < 20_000


def test_a_tool_of_another_name_is_suggested() -> None:
    result, _ = run(create_agent(native(call("calculater", expression="1"), "x"), ["calculator"]))
    assert "did you mean calculator?" in result["steps"][0]["result"]
    assert result["steps"][0]["error"]


def test_wrong_arguments_are_told() -> None:
    result, _ = run(create_agent(native(call("calculator", expr="1"), "x"), ["calculator"]))
    assert "needs the argument 'expression'" in result["steps"][0]["result"]


class Small(Spy):
    """A context of ``most`` characters, around any model."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.refused = 0

    def stream(self, call: Any, proceed: Any) -> Any:
        if call.kind == "model":
            self._look(call)
        yield from super().stream(call, proceed)

    def call(self, call: Any, proceed: Any) -> Any:
        if call.kind == "model":
            self._look(call)
        return proceed()

    async def astream(self, call: Any, proceed: Any) -> Any:
        if call.kind == "model":
            self._look(call)
            self.shown.append(list(call.arguments["messages"]))
        async for chunk in proceed():
            yield chunk

    def _look(self, call: Any) -> None:
        size = sum(len(m.text) for m in call.arguments["messages"])
        if size > self.most:
            self.refused += 1
            raise ContextOverflow("full", needed=size, available=self.most)


def pages(count: int, size: int) -> list[Any]:
    @tool
    def page(number: int) -> str:
        """Read a page."""
        return f"BEGIN{number} {'word ' * size}END{number}"

    return [guard(page, ToolPolicy())]


def test_a_full_context_shortens_earlier_results() -> None:
    replies = [call("page", number=n) for n in range(4)]
    agent = create_agent(native(*replies, "Done."), pages(4, 500))
    with handling(small := Small(6_000)):
        result, _ = run(agent)
    assert result["answer"] == "Done."
    assert small.refused
    last = "\n".join(m.text for m in small.shown[-1])
    assert all(f"BEGIN{n}" in last and f"END{n}" in last for n in range(4)), "head and tail"
    assert "characters left out" in last
    kept = [m for m in result["messages"] if m.type == "tool"]
    assert all(len(m.text) > 2_000 for m in kept), "the history stays whole"


def test_a_context_that_stays_full_is_summed_up() -> None:
    replies = [call("page", number=n) for n in range(7)]
    note = {"when": {"contains": "List what the notes found"}, "say": "NOTED", "repeat": True}
    agent = create_agent(native(note, *replies, "Done."), pages(7, 500))
    with handling(small := Small(2_300)):
        result, _ = run(agent)
    assert result["answer"] == "Done."
    last = "\n".join(m.text for m in small.shown[-1])
    assert "NOTED" in last
    assert "BEGIN0" not in last
    assert "BEGIN6" in last
    assert "BEGIN3" in small.texts()


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_calls_that_sum_up_are_counted(asynchronous: bool) -> None:
    """Their tokens too, so that a limit of tokens holds for them; of cut notes, whole lines."""
    replies = [call("page", number=n) for n in range(7)]
    say = "- One is 1.\n- Two is 2. And thr"
    note = {"when": {"contains": "List what the notes found"}, "say": say, "repeat": True}
    note["finish"] = "length"
    agent = create_agent(native(note, *replies, "Done."), pages(7, 500))

    counter = UsageMetadataCallbackHandler()
    with handling(small := Small(2_300)):
        config: Any = {"callbacks": [counter]}
        result = await agent.ainvoke("Go.", config) if asynchronous else agent.invoke("Go.", config)
    assert "- One is 1.\n- Two is 2. […]" in "\n".join(m.text for m in small.shown[-1])
    steps = [m for m in result["messages"] if m.type == "ai"]
    calls = sum(m.response_metadata.get("model_calls", 1) for m in steps)
    assert calls > len(steps)
    read = sum(m.usage_metadata["total_tokens"] for m in steps)
    assert read == sum(u["total_tokens"] for u in counter.usage_metadata.values())


async def test_a_full_context_is_shortened_asynchronously() -> None:
    replies = [call("page", number=n) for n in range(4)]
    agent = create_agent(native(*replies, "Done."), pages(4, 500))

    with handling(small := Small(6_000)):
        assert (await agent.ainvoke("Go."))["answer"] == "Done."
    assert small.refused


def test_a_task_that_does_not_fit_is_an_error() -> None:
    with handling(Small(100)), pytest.raises(ContextOverflow):
        create_agent(native("x"), ["calculator"]).invoke("word " * 100)


def test_wrong_limits_are_told() -> None:
    with pytest.raises(ConfigError, match="model_calls"):
        Limits(model_calls=0)
    with pytest.raises(ConfigError, match="seconds"):
        Limits(seconds=0)
    for seconds in ("x", True, float("nan")):
        with pytest.raises(ConfigError, match="seconds must be a number above 0, or None"):
            Limits(seconds=seconds)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="tokens"):
        Limits(tokens=1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cut", "kept"),
    [
        ("- One is 1.\n- Two is 2. And thr", "- One is 1.\n- Two is 2. […]"),
        (
            "Notes:\n- the price is 5, the colour red and",
            "Notes:\n- the price is 5, the colour red and […]",
        ),
        ("第一句。第二句。第三", "第一句。第二句。 […]"),
    ],
)
def test_of_notes_that_were_cut_what_is_whole(cut: str, kept: str) -> None:
    assert _told(AIMessage(cut, response_metadata={"finish_reason": "length"})) == kept
    assert _told(AIMessage(cut)) == cut
