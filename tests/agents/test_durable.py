"""Durable runs: killed in the middle, they go on, and no call that ended is made again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from agentlab import create_agent
from agentlab.errors import ConfigError, RunError
from agentlab.session import Session
from tests.agents.parts import Effects, call, native

DRIVER = Path(__file__).with_name("durable_driver.py")


def drive(folder: Path, what: str, where: str) -> tuple[int, Any]:
    command = [sys.executable, str(DRIVER), str(folder), what, where]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode, json.loads(done.stdout) if done.stdout else None


def test_a_killed_run_goes_on_without_paying_twice(tmp_path: Path) -> None:
    code, _ = drive(tmp_path, "start", "after")
    assert code == -signal.SIGKILL
    code, result = drive(tmp_path, "resume", "never")
    assert (code, result) == (0, {"answer": "All paid.", "steps": 3, "asked": []})
    log = (tmp_path / "log").read_text().split("\n")
    assert [line for line in log if line.startswith("paid")] == ["paid 1", "paid 2", "paid 3"]
    assert drive(tmp_path, "resume", "never")[1] == result, "what ended has its result"


@pytest.mark.parametrize("where", ["within", "before its end is kept"])
def test_a_call_that_may_have_had_its_effect_is_not_made_again(tmp_path: Path, where: str) -> None:
    code, _ = drive(tmp_path, "start", where)
    assert code == -signal.SIGKILL
    _, result = drive(tmp_path, "resume", "never")
    assert result["answer"] == "Unsure."
    assert (tmp_path / "log").read_text().count("begin 2") == 1


def test_a_person_may_have_it_made_again(tmp_path: Path) -> None:
    drive(tmp_path, "start", "within")
    _, result = drive(tmp_path, "resume", "asked")
    assert result["answer"] == "All paid."
    assert 2 in result["asked"]


def test_a_thread_goes_on() -> None:
    effects = Effects()
    model = native(
        call("send", text="a"), "Sent.", {"when": {"contains": "Sent."}, "say": "Again."}
    )
    agent = create_agent(model, [effects.tool()], checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "x"}}
    assert agent.invoke("Send.", thread)["answer"] == "Sent."
    result = agent.invoke("And now?", thread)
    assert result["answer"] == "Again.", "it was shown what was said before"
    assert [m.text for m in result["messages"]] == ["And now?", "Again."]
    assert agent.resume("x") == result


def test_a_session_names_its_thread_once() -> None:
    effects = Effects()
    model = native(
        call("send", text="a"), "Sent.", {"when": {"contains": "Sent."}, "say": "Again."}
    )
    agent = create_agent(model, [effects.tool()], checkpointer=InMemorySaver())
    with pytest.raises(ConfigError, match="the name of the thread") as told:
        Session(agent).send("Send.")
    assert "with_config" in told.value.hint
    session = Session(agent.with_config(configurable={"thread_id": "x"}))
    assert session.send("Send.").text == "Sent."
    assert session.send("And now?").text == "Again."
    assert agent.resume("x")["answer"] == "Again."
    assert effects.done == ["a"]


async def test_it_is_durable_asynchronously() -> None:
    effects = Effects()
    agent = create_agent(
        native(call("send", text="a"), "Sent."), [effects.tool()], checkpointer=InMemorySaver()
    )
    result = await agent.ainvoke("Send.", {"configurable": {"thread_id": "x"}})
    assert result["answer"] == "Sent."
    assert (await agent.aresume("x"))["answer"] == "Sent."
    assert effects.done == ["a"]


def test_wrong_use_is_told() -> None:
    agent = create_agent(native({"error": "boom"}, "x"), [], checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "x"}}
    with pytest.raises(ConfigError, match="needs the name of the thread"):
        agent.invoke("Go.")
    with pytest.raises(ConfigError, match="no run of the thread 'y'"):
        agent.resume("y")
    with pytest.raises(RunError, match="boom"):
        agent.invoke("Go.", thread)
    with pytest.raises(RunError, match="was cut off"):
        agent.invoke("Go.", thread)
    assert agent.resume("x")["answer"] == "x"
