"""``ask`` and ``chat`` in pipes: the answer on stdout, and nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agentlab.session import Session, Store
from tests.cli.conftest import AGENTLAB

__all__ = ["agentlab", "process", "project"]
from tests.cli.conftest import agentlab, process, project


@pytest.fixture
def spec(script: Any) -> str:
    return str(
        script(
            {"when": {"last": "weather"}, "say": "Rain\x1b[31m.", "repeat": True},
            {"when": {"last": "File stdin"}, "say": "I read it.", "repeat": True},
            {"when": {"last": "fail"}, "say": "half", "error": "connection", "repeat": True},
            {"when": {"last": "slow"}, "say": "word " * 500, "pace": 0.02, "repeat": True},
            {"when": {"contains": "weather"}, "say": "You asked.", "repeat": True},
            {"say": "Hello there.", "repeat": True},
        )
    )


def test_a_question_as_argument_or_piped(agentlab: Any, spec: str) -> None:
    done = agentlab("ask", "hi", "-m", spec)
    assert (done.stdout, done.stderr, done.returncode) == ("Hello there.\n", "", 0)
    assert agentlab("ask", "-m", spec, stdin="the weather?\n").stdout == "Rain\x1b[31m.\n"
    assert agentlab("ask", "-", "-m", spec, stdin="the weather?\n").stdout == "Rain\x1b[31m.\n"
    assert Store().names() == []


def test_what_is_piped_goes_before_the_question(agentlab: Any, spec: str) -> None:
    done = agentlab("ask", "Sum it up.", "-m", spec, "--session", "s", stdin="a note\n")
    assert done.stdout == "I read it.\n"
    [question, _] = Session.load("s", load(spec)).history
    assert question.text == "File stdin:\n```\na note\n```\n\nSum it up."


def load(spec: str) -> Any:
    from agentlab.models import load_model

    return load_model(spec)


def test_files_are_attached(agentlab: Any, spec: str, project: Path) -> None:
    (project / "a.txt").write_text("one")
    agentlab("ask", "hi", "-m", spec, "-a", "a.txt", "--session", "s")
    [question, _] = Session.load("s", load(spec)).history
    assert question.text == "File a.txt:\n```\none\n```\n\nhi"
    missing = agentlab("ask", "hi", "-m", spec, "-a", "b.txt")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr.startswith("error: 'b.txt' cannot be attached")


def test_events_as_json(agentlab: Any, spec: str) -> None:
    done = agentlab("ask", "hi", "-m", spec, "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["event"] for e in events] == ["token", "token", "usage", "answer"]
    assert events[-1]["value"]["content"] == "Hello there."
    failed = agentlab("ask", "fail", "-m", spec, "--json")
    assert json.loads(failed.stdout.splitlines()[-1])["partial"] == "half"
    assert failed.returncode == 1


def test_a_session_goes_on(agentlab: Any, spec: str) -> None:
    agentlab("ask", "the weather?", "-m", spec, "--session", "s", "--memory", "window:2")
    assert agentlab("ask", "and?", "--session", "s").stdout == "You asked.\n"
    assert agentlab("ask", "and?", "--continue").stdout == "You asked.\n"
    stored = Store().load("s")
    assert len(stored.tree.nodes) == 6
    assert stored.settings["memory"] == "window:2"
    assert stored.settings["model"] == spec


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "there is no question"),
        (["hi", "-m", "nope"], "there is no model 'nope'"),
        (["hi", "--memory", "elephant"], "unknown memory 'elephant'"),
        (["hi", "--continue"], "there is no session to go on with"),
        (["hi", "--continue", "--session", "x"], "--session and --continue name two sessions"),
        (["hi", "--session", " "], "' ' cannot be a session's name"),
        (["hi", "--prompt", "story/title"], "is not for a conversation"),
        (["hi", "--tools", "nosuch"], "no tool is named 'nosuch'"),
        (["hi", "--param", "heat=3"], "has no parameter 'heat'"),
    ],
)
@pytest.mark.parametrize("command", ["ask", "chat"])
def test_wrong_options(
    agentlab: Any, spec: str, command: str, arguments: list[str], told: str
) -> None:
    if command == "chat":
        arguments = [a for a in arguments if a != "hi"]
        if not arguments:
            return
    model = [] if "-m" in arguments else ["-m", spec]
    done = agentlab(command, *arguments, *model)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert Store().names() == []


def test_chat_from_a_pipe(agentlab: Any, spec: str) -> None:
    lines = 'hi\n\n/memory window:1\n"""two\nlines"""\n/nope\n/quit\nnever\n'
    done = agentlab("chat", "-m", spec, "--session", "s", stdin=lines)
    assert done.stdout == "Hello there.\nwindow:1: 2 of 2 messages are shown\nHello there.\n"
    assert done.stderr.startswith("error: there is no command /nope\n")
    assert done.returncode == 2
    session = Session.load("s", load(spec))
    assert [turn.user.text for turn in session.turns] == ["hi", "two\nlines"]
    assert session.memory.spec == "window:1"


def test_an_error_does_not_end_a_piped_chat(agentlab: Any, spec: str) -> None:
    done = agentlab("chat", "-m", spec, stdin="fail\nhi\n")
    assert done.stdout == "half\nHello there.\n"
    assert "the answer stopped in the middle" in done.stderr
    assert done.returncode == 1


def test_in_a_real_pipe(spec: str, process: Any) -> None:
    done = process("ask", "what of this?", "-m", spec, stdin="a note")
    assert (done.stdout, done.stderr, done.returncode) == ("I read it.\n", "", 0)
    binary = subprocess.run(
        [AGENTLAB, "ask", "-m", spec], input=b"\xff\xfe", capture_output=True, check=False
    )
    assert (binary.returncode, binary.stdout) == (2, b"")
    assert binary.stderr == b"error: stdin is not UTF-8 text\n"


def test_ctrl_c_keeps_what_had_come(spec: str) -> None:
    child = subprocess.Popen(
        [AGENTLAB, "ask", "slow", "-m", spec, "--session", "s"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ),
    )
    assert child.stdout is not None
    child.stdout.read(9)
    child.send_signal(signal.SIGINT)
    _, stderr = child.communicate(timeout=60)
    assert (child.returncode, stderr) == (130, b"stopped\n")
    [turn] = Session.load("s", load(spec)).turns
    assert turn.status == "stopped"
    assert turn.text.startswith("word word")
