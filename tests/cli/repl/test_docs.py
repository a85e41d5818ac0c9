"""Answers from documents in a chat: attached, cited, kept over a resume, and taken off again."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from agentlab.rag import Index
from agentlab.session import Store
from tests.cli.repl.terminal import CTRL_D, Terminal

SENTENCE = {"text": "Employees have thirty days of leave a year.", "sources": [1]}
CITED = {"say": json.dumps({"sentences": [SENTENCE]}), "repeat": True}
ANSWER = "Employees have thirty days of leave a year [1].\n"
QUOTE = "    0-47: “Every employee has thirty days of leave a year.”\n"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    text = "Every employee has thirty days of leave a year. Sickness is not leave."
    (tmp_path / "leave.txt").write_text(text)
    Index.from_files([tmp_path / "leave.txt"], path=tmp_path / "index")
    return tmp_path / "index"


def test_attached_asked_and_taken_off(talk: Any, index: Path) -> None:
    chat = talk(CITED, {"when": {"contains": "Hi"}, "say": "Hello."})
    assert chat("/docs") == "no documents; /docs DIR answers from an index\n"
    assert chat(f"/docs {index.name}") == f"answers are from {index}, with citations\n"
    answer = chat("How long is leave?")
    assert answer.startswith(ANSWER)
    assert "[1] " in answer
    assert "leave.txt" in answer
    assert answer.endswith(QUOTE)
    assert "--- assistant" in chat("/context")
    assert chat("/docs") == f"{index}\n"
    assert chat("/docs off") == "no documents\n"
    assert "You answer questions from the sources" not in chat("/context")


def test_a_resumed_session_has_its_documents(talk: Any, script: Any, index: Path) -> None:
    model = script(CITED, name="cited")
    first = talk(model=model, session="s", docs=str(index))
    first("How long is leave?")
    first.repl.close()
    assert Store().load("s").settings["docs"] == str(index)

    again = talk(model=None, session="s")
    assert again("/docs") == f"{index}\n"
    assert again("And again?").startswith(ANSWER)
    assert again("/export py").count("create_rag(model, Index.open(") == 1
    assert "cannot be recorded from here" in again("/record x")
    again("/new")
    assert again("/docs") == f"{index}\n"
    again("/load s")
    again("/docs off")
    again.repl.close()
    assert "docs" not in Store().load("s").settings

    index.rename(index.with_name("gone"))
    first = talk(model=model, session="t", docs=str(index.with_name("gone")))
    first("How long is leave?")
    first.repl.close()
    index.with_name("gone").rename(index)
    told = talk(model=model, session="u")("/load t")
    assert "there is no index in" in told
    assert "or without its documents: --docs off" in told
    assert talk(model=None, session="t", docs="off")("/docs").startswith("no documents")


def test_what_does_not_go(talk: Any, index: Path) -> None:
    chat = talk(CITED)
    assert "there is no index in" in chat("/docs nowhere")
    assert chat("/docs").startswith("no documents")
    chat(f"/docs {index}")
    assert chat("/docs") == f"{index}\n"
    assert chat("What is it?").startswith(ANSWER)


def test_with_tools_an_agent_searches_the_documents(
    agentlab: Any, script: Any, index: Path
) -> None:
    call = {"name": "search_documents", "args": {"query": "How long is leave?"}}
    model = script({"tool_calls": [call]}, "Thirty days.")
    arguments = ("ask", "-m", model, "--docs", str(index), "--tools", "calculator", "--json")
    done = agentlab(*arguments, "How long is leave?")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    (found,) = [e for e in events if e["event"] == "tool_result"]
    assert "leave" in found["content"]
    assert events[-1]["value"]["content"] == "Thirty days."


def test_a_pipe(agentlab: Any, script: Any, index: Path) -> None:
    arguments = ("chat", "-m", script(CITED), "--docs", str(index))
    done = agentlab(*arguments, stdin="How long is leave?\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(ANSWER)
    assert done.stdout.endswith(QUOTE)
    wrong = agentlab("chat", "--docs", "nowhere", stdin="x\n")
    assert wrong.returncode == 2
    assert "there is no index in" in wrong.stderr


def test_at_a_terminal(script: Any, index: Path, tmp_path: Path) -> None:
    t = Terminal(
        "chat", "-m", script(CITED, name="cited"), "--session", "s", cwd=tmp_path, NO_COLOR=""
    )
    try:
        t.ready()
        assert f"answers are from {index}"[:60] in t.enter("/docs index")
        t.until(lambda: " docs index " in t.bar)
        told = t.enter("How long is leave?")
        assert ANSWER.strip() in told
        assert "“Every employee has thirty days of leave a year.”" in told
        t.type(CTRL_D)
        assert t.end() == 0
        t = Terminal("chat", "--session", "s", cwd=tmp_path, NO_COLOR="")
        t.ready()
        t.until(lambda: " docs index " in t.bar)
        assert ANSWER.strip() in t.enter("How long is it?")
        assert "no documents" in t.enter("/docs off")
        t.until(lambda: " docs " not in t.bar)
    finally:
        if t.child.isalive():
            t.child.kill(signal.SIGKILL)
        t.child.close()
