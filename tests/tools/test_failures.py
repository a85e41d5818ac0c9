"""What a tool raises is told to the model; only what is the run's own ends the run."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from pathlib import Path
from typing import Annotated, Any

import pytest
from langchain.tools import ToolRuntime
from langchain_core.tools import InjectedToolArg, StructuredTool
from pydantic import BaseModel, HttpUrl, SecretStr

from agentlab import ToolPolicy
from agentlab.errors import (
    ConfigError,
    Diverged,
    EffectRefused,
    MissingKey,
    NotRecordable,
    Offline,
    StoreError,
)
from agentlab.tools import guard


class Unreadable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


def raising(error: BaseException, kind: str) -> Any:
    def f() -> str:
        raise error

    async def g() -> str:
        raise error

    if kind == "sync":
        tool = StructuredTool.from_function(f, name="f", description="Fail.")
    else:
        tool = StructuredTool.from_function(coroutine=g, name="f", description="Fail.")
    return guard(tool, ToolPolicy())


CALL = {"type": "tool_call", "id": "7", "name": "f", "args": {}}


@pytest.mark.parametrize("kind", ["sync", "coroutine"])
@pytest.mark.parametrize("run", ["invoke", "ainvoke"])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (StoreError("the disk is full"), "StoreError: the disk is full"),
        (ConfigError("no such index", hint="make one"), "no such index (make one)"),
        (MissingKey("OPENAI_API_KEY is not set"), "is not set"),
        (asyncio.CancelledError(), "ended itself with CancelledError"),
        (Unreadable(), "its message cannot be read"),
        (SystemExit(3), "SystemExit"),
        (GeneratorExit(), "GeneratorExit"),
    ],
)
def test_a_failure_is_told(error: BaseException, said: str, run: str, kind: str) -> None:
    tool = raising(error, kind)
    message = tool.invoke(CALL) if run == "invoke" else asyncio.run(tool.ainvoke(CALL))
    assert message.status == "error"
    assert said in message.content


@pytest.mark.parametrize("run", ["invoke", "ainvoke"])
@pytest.mark.parametrize("kind", [Offline, Diverged, EffectRefused, NotRecordable])
def test_what_a_replay_says_ends_the_run(kind: type[Exception], run: str) -> None:
    tool = raising(kind("x"), "sync")
    with pytest.raises(kind):
        tool.invoke(CALL) if run == "invoke" else asyncio.run(tool.ainvoke(CALL))


async def test_cancelling_the_run_is_no_failure_of_the_tool() -> None:
    async def g() -> str:
        """Wait."""
        await asyncio.sleep(60)
        return ""

    tool = guard(StructuredTool.from_function(coroutine=g, name="f"), ToolPolicy())
    task = asyncio.ensure_future(tool.ainvoke(CALL))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class Form(BaseModel):
    fields: dict[str, list[str]]


@pytest.mark.parametrize("run", ["invoke", "ainvoke"])
def test_a_tool_that_sends_is_given_no_secret(run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_API_KEY", "k9-Zr7tQw2LxPm4Vd8s")
    sent = []

    def post(form: Form, note: str = "") -> str:
        """Post a form."""
        sent.append(form)
        return "posted"

    tool = StructuredTool.from_function(post, name="f")
    held = guard(tool, ToolPolicy(network=True))
    args: Any = {"form": {"fields": {"key": ["it is k9-Zr7tQw2LxPm4Vd8s"]}}}
    call = {**CALL, "args": args}
    message = held.invoke(call) if run == "invoke" else asyncio.run(held.ainvoke(call))
    assert "the argument 'form' of f holds a secret" in message.content
    assert sent == []
    assert guard(tool, ToolPolicy()).invoke(call).content == "posted"
    assert held.invoke({**CALL, "args": {"form": {"fields": {}}}}).content == "posted"


@dataclasses.dataclass
class Note:
    text: str


class Everything(BaseModel):
    address: HttpUrl | None = None
    data: bytes = b""
    path: Path | None = None
    password: SecretStr | None = None
    note: Note | None = None
    form: Form | None = None
    number: int = 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("address", "https://evil.example/k9-Zr7tQw2LxPm4Vd8s"),
        ("data", "it is k9-Zr7tQw2LxPm4Vd8s"),
        ("path", "/k9-Zr7tQw2LxPm4Vd8s"),
        ("password", "k9-Zr7tQw2LxPm4Vd8s"),
        ("note", {"text": "k9-Zr7tQw2LxPm4Vd8s"}),
        ("form", {"fields": {"k9-Zr7tQw2LxPm4Vd8s": []}}),
    ],
)
def test_a_secret_is_found_in_an_argument_of_any_type(
    name: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_API_KEY", "k9-Zr7tQw2LxPm4Vd8s")
    sent = []

    def post(**arguments: Any) -> str:
        sent.append(arguments)
        return "posted"

    tool = StructuredTool.from_function(post, name="f", description="Post.", args_schema=Everything)
    held = guard(tool, ToolPolicy(network=True))
    message = held.invoke({**CALL, "args": {name: value}})
    assert f"the argument '{name}' of f holds a secret" in message.content
    assert sent == []
    plain = {"address": "https://shop.example", "data": "x", "path": "/x", "number": 3}
    assert held.invoke({**CALL, "args": plain}).content == "posted"


def test_what_the_program_gives_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_API_KEY", "k9-Zr7tQw2LxPm4Vd8s")

    def post(text: str, key: Annotated[str, InjectedToolArg], runtime: ToolRuntime) -> str:
        """Post a text."""
        return f"posted by {runtime.tool_call_id}"

    held = guard(StructuredTool.from_function(post, name="f"), ToolPolicy(network=True))
    runtime: Any = ToolRuntime(
        state={"lock": threading.Lock()},
        context=None,
        config={},
        stream_writer=print,
        tool_call_id="7",
        store=None,
    )
    args = {"text": "x", "key": "k9-Zr7tQw2LxPm4Vd8s", "runtime": runtime}
    assert held.invoke({**CALL, "args": args}).content == "posted by 7"
    refused = held.invoke({**CALL, "args": {**args, "text": args["key"]}})
    assert "the argument 'text' of f holds a secret" in refused.content
