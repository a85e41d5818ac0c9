"""Every fault of a tool becomes an observation; what hangs is stopped; cancel is heard at once."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, InjectedToolArg, StructuredTool, Tool, ToolException

from agentlab.boundary import Call, Handler, handling
from agentlab.cancellation import Cancellation, cancellable
from agentlab.errors import Offline, ToolDefinitionError, ToolError, TurnCancelled
from agentlab.tools import ToolPolicy, guard, load_tools


def make(function: Callable[..., Any], **policy: Any) -> BaseTool:
    raw = StructuredTool.from_function(function, description="For tests.")
    return guard(raw, ToolPolicy(**policy))


def call(tool: BaseTool, **arguments: Any) -> ToolMessage:
    message = tool.invoke({"type": "tool_call", "id": "7", "name": tool.name, "args": arguments})
    assert isinstance(message, ToolMessage)
    return message


def test_arguments_are_checked_against_the_schema() -> None:
    def add(a: int, b: int = 1) -> int:
        return a + b

    tool = make(add)
    assert tool.invoke({"a": "2"}) == "3"
    assert call(tool, b=2).content == (
        "Error: add needs the argument 'a' (its arguments are a: integer, b: integer)"
    )
    assert "the argument 'a' of add is wrong" in call(tool, a="many").content
    assert call(tool, a="many").status == "error"
    with pytest.raises(ToolError, match="needs the argument 'a'"):
        tool.invoke({})


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("no such city"), "f failed with ValueError: no such city"),
        (ToolError("no such city", hint="try Paris"), "Error: no such city (try Paris)"),
        (ToolException("no such city"), "Error: no such city"),
        (SystemExit(3), "f failed with SystemExit: 3"),
        (MemoryError(), "f failed with MemoryError"),
        (RecursionError("deep"), "f failed with RecursionError: deep"),
        (ValueError("x" * 10_000), "characters left out"),
    ],
)
def test_an_exception_is_an_observation(error: BaseException, said: str) -> None:
    def f() -> str:
        raise error

    message = call(make(f))
    assert message.status == "error"
    assert said in message.content
    assert len(message.content) < 800
    with pytest.raises(ToolError):
        make(f).invoke({})


@pytest.mark.parametrize("error", [TurnCancelled(), KeyboardInterrupt(), Offline("no network")])
def test_what_is_not_the_tools_failure_goes_on(error: BaseException) -> None:
    def f() -> str:
        raise error

    with pytest.raises(type(error)):
        call(make(f))


class Plain:
    pass


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("text", "text"),
        ("", "(an empty text)"),
        (None, "(no result)"),
        (True, "true"),
        (3, "3"),
        (2.5, "2.5"),
        ({"a": [1, None], "b": "é"}, '{"a": [1, null], "b": "é"}'),
        ([{"type": "text", "text": "a"}, {"type": "image", "data": "…"}], "a\n(image, not text)"),
        (b"plain bytes", "plain bytes"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "(PNG image, 108 bytes, not text)"),
        (bytes(range(256)), "(binary data, 256 bytes, not text)"),
        (Path("a/b"), '"a/b"'),
        ({3, 1}, "[1, 3]"),
        ("a\x00b\x1b[31m\ud800", "a\ufffdb\ufffd[31m\ufffd"),
    ],
)
def test_every_type_becomes_text(value: Any, text: str) -> None:
    def f() -> Any:
        return value

    assert make(f).invoke({}) == text


def test_objects_and_generators_are_described() -> None:
    def f() -> Any:
        return [Plain(), (n for n in range(3))]

    text = make(f).invoke({})
    assert "Plain, which has no text form" in text
    assert "generator, which has no text form" in text


def test_a_value_that_contains_itself_is_described() -> None:
    def f() -> Any:
        loop: list[Any] = []
        loop.append(loop)
        return loop

    assert "list, which has no text form" in make(f).invoke({})


def test_ten_megabytes_are_cut_to_head_and_tail() -> None:
    def f() -> str:
        return "A" * 5_000_000 + "Z" * 5_000_000

    text = make(f, max_result=1_000).invoke({})
    assert len(text) < 1_100
    assert text.startswith("A" * 600)
    assert text.endswith("Z" * 300)
    assert "[… 9,999,000 of 10,000,000 characters left out …]" in text


def _tool_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "agentlab-tool" and t.is_alive()]


def _wait_until(condition: Callable[[], bool], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_an_endless_loop_is_stopped_and_its_thread_ends() -> None:
    def f() -> str:
        while True:
            pass

    before = set(_tool_threads())  # a tool that another test left asleep
    message = call(make(f, timeout=0.2))
    assert message.content.startswith("Error: f gave no answer within 0.2 seconds and was stopped")
    assert _wait_until(lambda: not set(_tool_threads()) - before), "the loop still runs"


def test_a_hung_tool_does_not_hold_up_the_run() -> None:
    release = threading.Event()

    def f() -> str:
        release.wait(60)
        return "late"

    begun = time.monotonic()
    assert "gave no answer" in call(make(f, timeout=0.2)).content
    assert time.monotonic() - begun < 10
    release.set()


HANGING = '''
import os, subprocess, sys, time
from langchain_core.tools import tool
from agentlab.errors import ToolError
from agentlab.tools import ToolPolicy

POLICY = ToolPolicy(timeout={timeout}, isolate=True, max_result=500)

@tool(parse_docstring=True)
def hang(what: str, where: str = "") -> object:
    """Hang, or not.

    Args:
        what: How.
        where: A file for the process's id.
    """
    print("noise on stdout")
    if what == "c":
        with open(where, "w") as file:
            file.write(str(os.getpid()))
        import re
        return re.match("(a+)+$", "a" * 60 + "b")
    if what == "raise":
        raise ToolError("not this", hint="that")
    if what == "die":
        os._exit(9)
    return "x" * 2_000
'''


@pytest.fixture
def hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], BaseTool]:
    def load(timeout: float) -> BaseTool:
        monkeypatch.setenv("AGENTLAB_PROJECT", str(tmp_path))
        (tmp_path / "tools").mkdir(exist_ok=True)
        (tmp_path / "tools" / "hang.py").write_text(HANGING.replace("{timeout}", str(timeout)))
        return load_tools("hang")[0]

    return load


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_isolated_tool_is_killed(hang: Callable[[float], BaseTool], tmp_path: Path) -> None:
    # A regular expression that backtracks for years never looks for Python exceptions.
    for timeout in (8, 30, 90):  # on a busy machine a process takes long to begin
        message = call(hang(timeout), what="c", where=str(tmp_path / "pid"))
        assert f"gave no answer within {timeout} seconds" in message.content
        if (tmp_path / "pid").exists():
            break
    pid = int((tmp_path / "pid").read_text())
    assert _wait_until(lambda: not _alive(pid))


def test_an_isolated_tool_is_killed_on_cancel(
    hang: Callable[[float], BaseTool], tmp_path: Path
) -> None:
    tool, pid_file = hang(120), tmp_path / "pid"
    with cancellable() as scope:
        watcher = threading.Thread(
            target=lambda: _wait_until(pid_file.exists, 60) and scope.cancel(), daemon=True
        )
        watcher.start()
        with pytest.raises(TurnCancelled):
            call(tool, what="c", where=str(pid_file))
    watcher.join()
    pid = int(pid_file.read_text() or 0)
    assert pid == 0 or _wait_until(lambda: not _alive(pid))


def test_an_isolated_tools_results_and_failures_come_back(
    hang: Callable[[float], BaseTool],
) -> None:
    tool = hang(60)
    assert "characters left out" in tool.invoke({"what": "long"})
    assert call(tool, what="raise").content == "Error: not this (that)"
    assert "ended with the status 9 and no result" in call(tool, what="die").content


def test_isolation_needs_a_file() -> None:
    with pytest.raises(ToolDefinitionError, match="does not come from a tool file"):
        make(lambda: "x", isolate=True)


@pytest.fixture
def cancelled_soon() -> Iterator[Cancellation]:
    with cancellable() as scope:
        timer = threading.Timer(0.1, scope.cancel)
        timer.start()
        yield scope
        timer.join()


def test_cancel_is_heard_within_a_second() -> None:
    with cancellable() as scope:
        timer = threading.Timer(0.1, scope.cancel)
        timer.start()
        begun = time.monotonic()
        with pytest.raises(TurnCancelled):
            make(lambda: time.sleep(5), timeout=30).invoke({})
        assert time.monotonic() - begun < 1.1
        timer.join()


async def test_the_async_form_is_the_same() -> None:
    def slow() -> None:
        time.sleep(5)

    assert await make(lambda: 3).ainvoke({}) == "3"
    call_ = {"type": "tool_call", "id": "1", "name": "slow", "args": {}}
    message = await make(slow, timeout=0.1).ainvoke(call_)
    assert "gave no answer within 0.1 seconds" in message.content
    with cancellable() as scope:
        asyncio.get_running_loop().call_later(0.1, scope.cancel)
        begun = time.monotonic()
        with pytest.raises(TurnCancelled):
            await make(slow).ainvoke({})
        assert time.monotonic() - begun < 1.1


async def test_a_coroutine_tool_is_timed_cancelled_and_awaited() -> None:
    ended: list[str] = []

    async def nap(seconds: float) -> str:
        """Sleep."""
        try:
            await asyncio.sleep(seconds)
        finally:
            ended.append("yes")
        return "rested"

    raw = StructuredTool.from_function(coroutine=nap, description="Sleep.")
    tool = guard(raw, ToolPolicy(timeout=0.2))
    assert await tool.ainvoke({"seconds": 0}) == "rested"
    with pytest.raises(ToolError, match="gave no answer within"):
        await tool.ainvoke({"seconds": 60})
    with cancellable() as scope:
        asyncio.get_running_loop().call_later(0.05, scope.cancel)
        with pytest.raises(TurnCancelled):
            await guard(raw, ToolPolicy()).ainvoke({"seconds": 60})
    await asyncio.sleep(0)
    assert len(ended) == 3, "a coroutine that is given up is cancelled"
    # A tool with only an async form works in a synchronous run too.
    assert await asyncio.to_thread(tool.invoke, {"seconds": 0}) == "rested"


def test_each_call_crosses_the_boundary_once_with_the_final_text() -> None:
    seen: list[tuple[str, str, dict[str, Any], Any]] = []

    class Watch(Handler):
        def call(self, call: Call, proceed: Callable[[], Any]) -> Any:
            result = proceed()
            seen.append((call.kind, call.target.name, dict(call.arguments), result))
            return result

    def twice(text: str) -> tuple[str, list[str]]:
        return text * 2, [text]

    raw = StructuredTool.from_function(
        twice, description="Twice.", response_format="content_and_artifact"
    )
    tool = guard(raw, ToolPolicy())
    with handling(Watch()):
        message = call(tool, text="ab")
    assert seen == [("tool", "twice", {"text": "ab"}, ("abab", ["ab"]))]
    assert (message.content, message.artifact) == ("abab", ["ab"])


def test_injected_arguments_are_hidden_from_the_model() -> None:
    def f(query: str, user: Annotated[str, InjectedToolArg]) -> str:
        return f"{user} asked {query}"

    tool = make(f)
    assert list(tool.tool_call_schema.model_json_schema()["properties"]) == ["query"]  # type: ignore[union-attr]
    assert tool.invoke({"query": "x", "user": "ada"}) == "ada asked x"


def test_a_tool_of_one_text_works() -> None:
    raw = Tool(name="echo", func=lambda anything: anything[::-1], description="Backwards.")
    tool = guard(raw, ToolPolicy())
    assert tool.args["tool_input"]["type"] == "string"
    assert call(tool, tool_input="abc").content == "cba"
    assert tool.invoke("abc") == "cba"
