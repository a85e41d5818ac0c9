"""``/record``: the conversation becomes a scenario that replays."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from agentlab.scenarios.running import Options
from agentlab.scenarios.suite import run_suite

SEND = """
from langchain_core.tools import tool
from agentlab import ToolPolicy

POLICY = ToolPolicy(side_effects=True)


@tool
def send(text: str) -> str:
    \"\"\"Send a text.\"\"\"
    return "sent"
"""
LONG = "The lighthouse on Gull Rock is kept by Ada Wren, who lives there with her two brothers."


@pytest.fixture
def scenarios() -> Path:
    return Path(os.environ["AGENTLAB_PROJECT"]) / "scenarios"


def test_a_conversation_becomes_a_scenario_that_replays(talk: Any, scenarios: Path) -> None:
    chat = talk(LONG, "1e3", memory="window:2", system="Be brief.")
    chat("Who keeps the lighthouse?")
    chat("no")
    told = chat("/record light-house")
    path = scenarios / "light-house.yaml"
    assert "asking again, to record it: 2 turns\n" in told
    assert f"wrote {path} and {scenarios}/cassettes/light-house/light-house.jsonl\n" in told
    assert told.endswith(f"agentlab test {path}\n")
    assert "other answers" not in told
    assert path.read_text().partition("scenarios:\n")[2] == (
        "- id: light-house\n"
        "  chat: chat\n"
        "  memory: window:2\n"
        "  system: Be brief.\n"
        "  turns:\n"
        "  - user: Who keeps the lighthouse?\n"
        "    expect:\n"
        "      contains: Gull\n"
        "  - user: 'no'\n"
        "    expect:\n"
        "      equals: '1e3'\n"
        "  expect:\n"
        "    budget:\n"
        "      model_calls: 2\n"
        "      tokens: 80\n"
    )
    suite = run_suite([path], Options(record="none"))
    assert [result.status for result in suite.results] == ["passed"]
    assert suite.results[0].replayed_calls == 2
    path.write_text(path.read_text().replace("contains: Gull", "contains: Bob"))
    assert not run_suite([path], Options(record="none")).ok


def test_a_conversation_with_tools(talk: Any, scenarios: Path) -> None:
    calls = {"tool_calls": [{"name": "calculator", "args": {"expression": "6 * 7"}}]}
    chat = talk(calls, "It is 42.", "You are welcome.")
    chat("/tools calculator now")
    chat("/prompt none")
    assert "It is 42." in chat("What is 6 times 7?")
    chat("Thanks!")
    assert "other answers" not in chat("/record sums")
    path = scenarios / "sums.yaml"
    text = path.read_text()
    assert text.partition("scenarios:\n")[2].startswith(
        "- id: sums\n  chat: chat\n  memory: buffer\n  tools:\n  - calculator\n  - now\n  turns:\n"
    )
    assert text.endswith(
        "  expect:\n    trajectory:\n      exact:\n      - calculator\n    budget:\n"
        "      model_calls: 3\n      tokens: " + text.rpartition("tokens: ")[2]
    )
    [result] = run_suite([path], Options(record="none")).results
    assert (result.status, result.live_calls, result.replayed_calls) == ("passed", 0, 4)
    path.write_text(text.replace("  - calculator\n  - now\n", "  - now\n"))
    [result] = run_suite([path], Options(record="none")).results
    assert result.status == "drift"
    assert result.drift is not None
    assert result.drift.what == "tool schema"


def test_nothing_is_overwritten(talk: Any, scenarios: Path) -> None:
    chat = talk("one")
    chat("a")
    chat("/record mine")
    before = (scenarios / "mine.yaml").read_bytes()
    assert "mine.yaml exists already\nhint: choose another name\n" in chat("/record mine")
    assert (scenarios / "mine.yaml").read_bytes() == before
    (scenarios / "mine.yaml").unlink()
    assert "mine.jsonl exists already\n" in chat("/record mine")
    assert not (scenarios / "mine.yaml").exists()


def test_what_cannot_be_recorded_is_told_and_leaves_nothing(talk: Any, scenarios: Path) -> None:
    tools = scenarios.parent / "tools"
    tools.mkdir(parents=True)
    (tools / "send.py").write_text(SEND)
    chat = talk({"error": "rate_limit"}, "fine")
    assert chat("/record").startswith("error: /record takes a name for the scenario\n")
    assert chat("/record a").startswith("error: nothing was said yet\n")
    chat("a")
    assert "error: the turns could not be run again: " in chat("/record a")
    assert "error: '../a' is no name for a scenario\n" in chat("/record ../a")
    chat("/tools send now")
    assert "error: recording asks again, and what send did would be done again" in chat("/record a")
    chat("/tools none")
    chat("/prompt none")
    assert "a scenario needs a prompt, and there is none\n" in chat("/record a")
    assert not [path for path in scenarios.rglob("*") if path.is_file()]


def test_secrets_are_in_neither_file(talk: Any, scenarios: Path) -> None:
    secret = "sk-" + "Ab3dEf6hIj9kLm2nOp5q"
    chat = talk("I will remember it.")
    chat(f"My key is {secret}.")
    chat("/record key")
    files = [path for path in scenarios.rglob("*") if path.is_file()]
    assert len(files) == 2
    assert not any(secret in path.read_text() for path in files)
    assert "[redacted:openai]" in (scenarios / "key.yaml").read_text()
