"""Running the installed command, with a project of its own."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentlab.cli import entry

AGENTLAB = str(Path(sys.executable).with_name("agentlab"))

# Chains with models of their own, as a user would have them in a file.
MODULE = """
import sys
import time

from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda

from agentlab import create_agent, parallel, sequential
from agentlab.models.scripted import ScriptedChatModel


def ask(template, **reply):
    model = ScriptedChatModel(replies=[{"repeat": True, **reply}])
    return ChatPromptTemplate.from_template(template) | model


story = sequential(
    title=ask("{summary}", say="The Lost Girl"), end=ask("{title}", say="She found her.")
)
views = parallel(good=ask("{q}", say="a b c"), bad=ask("{q}", say="d e f"))
card = sequential(card=lambda values: {"name": "Zo\\u00eb", "age": 3}, n=lambda values: 1)
plain = ask("{q}", say="just an answer")
evil = ask("{q}", say="\\x1b]0;owned\\x07 red \\x1b[31m \\u202e gnp.exe")
slow = sequential(a=ask("{q}", say="word " * 500, pace=0.02))
stuck = sequential(a=lambda values: print("asleep", file=sys.stderr) or time.sleep(120))
broken = sequential(a=lambda values: 1 // 0)
failing = sequential(a=ask("{q}", say="half an answer", error="connection"))
calls = {"tool_calls": [{"name": "calculator", "args": {"expression": "19 + 23"}}]}
replies = [{"when": {"contains": "42"}, "say": "It is 42."}, calls]
solver = ScriptedChatModel(replies=[{"repeat": True, **reply} for reply in replies])
agent = create_agent(solver, ["calculator"])
solved = sequential(sum=agent)
echo = sequential(out=lambda values: repr(values))
number = 3


def factory(model):
    return sequential(answer=ChatPromptTemplate.from_template("{q}") | model)


def two(a, b):
    return None
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with ``mychains.py`` in it."""
    (tmp_path / "mychains.py").write_text(MODULE)
    return tmp_path


@dataclass
class Done:
    """What a command wrote, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def agentlab(project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Run a command in the project, in this process: starting another takes a second."""
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)

    def run(*arguments: str, stdin: str = "", **environment: str) -> Done:
        out, err = io.StringIO(), io.StringIO()
        with monkeypatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            for name, value in environment.items():
                patch.setenv(name, value)
            code = entry.run(list(arguments))
        return Done(code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def process(project: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the installed ``agentlab`` in the project."""

    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [AGENTLAB, *arguments],
            cwd=project,
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    return run
