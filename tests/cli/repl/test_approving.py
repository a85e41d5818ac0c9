"""A tool with side effects in the chat: the person at a real terminal is asked before it runs."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.repl.terminal import CTRL_C, CTRL_D, Terminal

# It does something that can be counted.
SEND = '''
from pathlib import Path
from langchain_core.tools import tool
from agentlab import ToolPolicy

POLICY = ToolPolicy(side_effects=True, untrusted=False)


@tool
def send(text: str) -> str:
    """Send a text."""
    with Path("sent.txt").open("a") as file:
        file.write(text + "\\n")
    return "sent"
'''
ASKED = "send may change something outside. Run it with "


@pytest.fixture
def chat(tmp_path: Path, script: Any) -> Iterator[Terminal]:
    """A chat with a model that sends "hello" whenever it is asked to, and then says what came."""
    tools = Path(os.environ["AGENTLAB_PROJECT"]) / "tools"
    tools.mkdir(parents=True)
    (tools / "send.py").write_text(SEND)
    calls = {"tool_calls": [{"name": "send", "args": {"text": "hello"}}], "repeat": True}
    told = {
        "sent": "It is sent.",
        "not allow this call of send: wait": "I shall wait.",
        "not allow this call": "I did not.",
    }
    ends = [{"when": {"contains": key}, "say": say, "repeat": True} for key, say in told.items()]
    t = Terminal("chat", "--model", script(*ends, calls), cwd=tmp_path, NO_COLOR="")
    t.enter("/tools send")
    yield t
    if t.child.isalive():
        t.child.kill(signal.SIGKILL)
    t.child.close()


def sent(folder: Path) -> list[str]:
    file = folder / "sent.txt"
    return file.read_text().splitlines() if file.exists() else []


@pytest.mark.parametrize(
    ("typed", "said", "done"),
    [
        ("y", "It is sent.", ["hello"]),
        ("", "I did not.", []),
        ("wait until noon", "I shall wait.", []),
    ],
)
def test_the_person_decides(
    chat: Terminal, tmp_path: Path, typed: str, said: str, done: list[str]
) -> None:
    chat.type("Say hello.\r")
    chat.see(ASKED + json.dumps({"text": "hello"}) + "?")
    chat.see("[y]es, [N]o, or what to tell the model:")
    assert sent(tmp_path) == [], "nothing is done before the answer"
    chat.type(f"{typed}\r")
    chat.see(said)
    chat.ready()
    assert sent(tmp_path) == done
    chat.type(CTRL_D)
    assert chat.end() == 0


def test_ctrl_c_at_the_question_does_nothing_and_the_chat_goes_on(
    chat: Terminal, tmp_path: Path
) -> None:
    chat.type("Say hello.\r")
    chat.see("what to tell the model:")
    chat.type(CTRL_C)
    chat.see("stopped")
    chat.ready()
    assert sent(tmp_path) == []
    chat.type("Say hello again.\r")
    chat.until(lambda: chat.text.count("what to tell the model:") == 2)
    chat.type("y\r")
    chat.see("It is sent.")
    assert sent(tmp_path) == ["hello"]
