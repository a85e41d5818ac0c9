"""A person at a terminal: a real one, with an emulator that knows what is on it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from agentlab.models import load_model
from agentlab.session import Session
from tests.cli.repl.terminal import ALT_ENTER, CTRL_C, CTRL_D, EDITOR_KEYS, Terminal

GREEDY = ("--param", "temperature=0", "--param", "max_tokens=12")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Open terminals; what still runs at the end is ended."""
    opened: list[Terminal] = []

    def start(*arguments: str, **environment: Any) -> Terminal:
        opened.append(Terminal("chat", *arguments, cwd=tmp_path, NO_COLOR="", **environment))
        return opened[-1]

    yield start
    for each in opened:
        if each.child.isalive():
            each.child.kill(signal.SIGKILL)
        each.child.close()


@pytest.mark.model
def test_through_all_commands(terminal: Any, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("The door code is 1234.\n")
    editor = tmp_path / "editor.sh"
    editor.write_text('#!/bin/sh\nprintf "What is 2 + 2?\\n" > "$1"\n')
    editor.chmod(0o755)
    t = terminal(*GREEDY, EDITOR=str(editor))
    t.ready()
    assert "Three things to try" in t.text
    t.until(lambda: t.bar.startswith("smollm2"))

    first = t.enter("What is the capital of France?").splitlines()
    assert len(first) > 1
    t.until(lambda: " of 8,192 tokens (" in t.bar)
    answer = first[-1]

    assert "/context [raw]" in t.enter("/help")
    assert "did you mean /context?" in t.enter("/contxt")
    assert f"\n{answer}\n--- " in t.enter("/context")
    assert "<|im_start|>user\nWhat is the capital of France?<|im_end|>" in t.enter("/context raw")
    assert " of 8,192 tokens, " in t.enter("/tokens")
    assert "--- 1 user" in t.enter("/history")
    assert "smollm2, a context of 8,192 tokens" in t.enter("/model")
    assert "window:1: 2 of 2 messages" in t.enter("/memory window:1")
    t.until(lambda: "window:1 ·" in t.bar)
    assert "text is set" in t.enter("/system You are a pirate.")
    assert "* chat " in t.enter("/prompt")
    assert "max_tokens is 8" in t.enter("/set max_tokens 8")
    assert "calculator" in t.enter("/tools")
    assert "notes.txt" in t.enter("/attach notes.txt")
    t.until(lambda: "1 attached" in t.bar)
    assert " written in " in t.enter("/stats on") + t.enter("What is the door code?")
    assert "undone: File notes.txt:" in t.enter("/undo")
    assert "redone: File notes.txt:" in t.enter("/redo")
    t.enter("/retry")
    t.enter("/edit")
    assert "What is 2 + 2?" in t.enter("/history 1")
    assert "* 3  2 turns" in t.enter("/branches")
    assert "in twig, a copy of " in t.enter("/fork twig")
    assert "kept as branch" in t.enter("/save branch")
    assert "branch  " in t.enter("/sessions")
    assert "wrote chat.md" in t.enter("/export chat.md")
    assert "drawn as Markdown" in t.enter("/markdown on")
    t.enter("/markdown")
    assert "with the terminal" in t.enter("/copy")
    assert "\x1b]52;c;" in t.raw
    assert "begins anew" in t.enter("/clear")
    assert "in branch: 0 turns" in t.enter("/load branch")
    assert "a new conversation" in t.enter("/new")
    t.enter("Bye!")
    t.ready()
    t.type("/quit\r")
    assert t.end() == 0
    assert "go on with: agentlab chat --session " in t.text
    assert (tmp_path / "chat.md").read_text().startswith("# branch\n")
    # Append-only: answers are never drawn twice.
    assert t.raw.count("Three things to try") == 1


@pytest.mark.model
def test_ctrl_c_while_reading_and_while_answering(terminal: Any, tmp_path: Path) -> None:
    words = " ".join(f"word{n}" for n in range(1800))
    (tmp_path / "long.txt").write_text(words)
    t = terminal("--param", "max_tokens=4000", "--session", "s")
    t.enter("/tokens")  # the model is loaded
    t.enter("/attach long.txt")
    t.type("Sum it up.\r")
    t.see("> Sum it up.\n")
    t.wait(1)  # it reads the file for more than ten seconds
    t.type(CTRL_C)
    t.see("stopped; what had come is kept", seconds=2)
    t.ready()

    t.enter("/clear")
    t.enter("/set temperature 1.5")
    t.type("Write a very long story about a dragon.\r")
    t.until(lambda: "dragon.\n" in t.text and len(t.text.rpartition("dragon.\n")[2].strip()) > 40)
    t.type(CTRL_C)
    t.until(lambda: t.text.count("stopped; what had come") == 2, seconds=2)
    t.ready()
    t.type(CTRL_C)
    t.see("Ctrl-D or /quit leaves")
    t.ready()
    t.type(CTRL_D)
    assert t.end() == 0
    [turn] = Session.load("s", load_model("smollm2")).turns
    assert turn.status == "stopped"
    assert len(turn.text) > 10


@pytest.mark.model
def test_kill_and_resume(terminal: Any) -> None:
    t = terminal(*GREEDY, "--memory", "window:3", "--session", "s")
    answered = t.enter("Hi! I am Ada.").splitlines()[-1]
    t.type("/set max_tokens 4000\r")
    t.see("max_tokens is 4000")
    t.ready()
    t.type("Count from 1 to 1000, slowly.\r")
    t.until(lambda: "slowly.\n" in t.text and len(t.text.rpartition("slowly.\n")[2].strip()) > 10)
    os.kill(t.child.pid, signal.SIGKILL)
    with pytest.raises(pexpect.EOF):
        t.until(lambda: False)

    again = terminal("--continue")
    told = again.enter("/history")
    assert "Hi! I am Ada." in told
    assert answered in told
    assert "Count from 1 to 1000, slowly." in told
    assert "--- 2 unfinished" in told
    again.until(lambda: again.bar.startswith("smollm2 · window:3 · "))
    assert "* max_tokens 4000" in again.enter("/set max_tokens")
    again.enter("/undo")
    again.ready()
    again.type(CTRL_D)
    assert again.end() == 0


def test_typing(terminal: Any, script: Any, tmp_path: Path) -> None:
    """A paste of 200 lines, a resize, blocks, the editor's keys, and lines from earlier."""
    editor = tmp_path / "editor.sh"
    editor.write_text('#!/bin/sh\nprintf "from the editor" >> "$1"\n')
    editor.chmod(0o755)
    spec = script({"say": "Yes.", "repeat": True})
    t = terminal("--model", spec, "--session", "s", EDITOR=str(editor))
    t.ready()
    lines = "\n".join(f"line {n}" for n in range(200))
    t.paste(lines)
    t.see("line 199")
    assert "Yes." not in t.text
    t.type("\r")
    t.see("Yes.")
    t.ready()

    t.type("a resized ")
    t.see("> a resized")
    t.resize(12, 60)
    t.until(lambda: t.bar.startswith("scripted:"))
    t.resize(30, 100)
    t.type("line\r")
    t.until(lambda: t.text.count("\nYes.") == 2)
    t.ready()

    t.type(f"one{ALT_ENTER}two\r")
    t.until(lambda: t.text.count("\nYes.") == 3)
    t.ready()
    t.type('"""\rthree\r\rfour\r"""\r')
    t.until(lambda: t.text.count("\nYes.") == 4)
    t.ready()
    t.type(EDITOR_KEYS)  # what the editor leaves is sent
    t.until(lambda: t.text.count("\nYes.") == 5)
    t.ready()
    t.type(CTRL_D)
    assert t.end() == 0
    asked = [turn.user.text for turn in Session.load("s", load_model(spec)).turns]
    assert asked == [lines, "a resized line", "one\ntwo", "three\n\nfour", "from the editor"]

    again = terminal("--model", spec)
    again.ready()
    again.type("\x12resized")
    again.see("a resized line")
    again.type("\r\r")
    again.see("Yes.")
    again.ready()
    again.type(CTRL_D)
    assert again.end() == 0
    [mode] = {p.stat().st_mode & 0o777 for p in Path(os.environ["AGENTLAB_DATA"]).glob("history")}
    assert mode == 0o600


def test_what_a_model_says_cannot_touch_the_terminal(
    terminal: Any, script: Any, tmp_path: Path
) -> None:
    evil = "\x1b]0;owned\x07 \x1b[31mred \x1b]52;c;b3duZWQ=\x07 \u202egnp.exe \x9b2J \r\x08 end"
    spec = script({"say": evil, "repeat": True})
    (tmp_path / "evil\x1b[31m.txt").write_text(evil)
    t = terminal("--model", spec)
    t.ready()
    t.type("/attach ")
    t.paste("evil\x1b[31m.txt")
    t.type("\r")
    t.see("goes with the next question")
    for line in ("hi", "/history", "/context", "/markdown", "/branches", "/export", "/zzz\u202e"):
        t.enter(line)
    t.enter("/export json")
    t.ready()
    t.type(CTRL_D)
    assert t.end() == 0
    assert "␛]0;owned" in t.text
    for sequence in ("\x1b]", "\x07", "\x1b[31m", "\u202e", "\x9b"):
        assert sequence not in t.raw.replace("\x1b[31merror: ", "")


# A model that does not listen.
DEAF = """
import sys, time
from agentlab.models import scripted
scripted._sleep = time.sleep
from agentlab.cli import main
main()
"""


def test_a_second_ctrl_c_ends_it(terminal: Any, script: Any) -> None:
    spec = script({"say": "a b", "pace": 100, "repeat": True})
    t = terminal("--model", spec, "--session", "s", program=(sys.executable, "-c", DEAF))
    t.enter("/tokens")
    t.type("hello\r")
    t.see("> hello\na")
    t.type(CTRL_C)
    t.see("stopping (Ctrl-C again to end at once)")
    t.type(CTRL_C)
    assert t.end(seconds=10) == 130
    [turn] = Session.load("s", load_model(spec)).turns
    assert turn.user.text == "hello"


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_without_colours(script: Any, tmp_path: Path, environment: dict[str, str]) -> None:
    t = Terminal("chat", "--model", script("Hello."), cwd=tmp_path, **environment)
    assert "Hello." in t.enter("hi")
    t.type(CTRL_D)
    assert t.end() == 0
    assert "\x1b[2m" not in t.raw
    assert "\x1b[31m" not in t.raw


def test_a_wrong_option_ends_it(terminal: Any) -> None:
    t = terminal("--model", "smolm2")
    assert t.end() == 2
    assert "error: there is no model 'smolm2'" in t.text
    assert "hint: did you mean smollm2?" in t.text
