"""What a tool raises is told to the model; only what is the run's own ends the run."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.tools import StructuredTool
from pydantic import BaseModel

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
