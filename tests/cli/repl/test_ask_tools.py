"""``ask`` with tools, in pipes: what has side effects, and what is the answer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import agentlab, project
from tests.cli.repl.test_approving import SEND

__all__ = ["agentlab", "project"]


@pytest.fixture
def tools() -> None:
    folder = Path(os.environ["AGENTLAB_PROJECT"]) / "tools"
    folder.mkdir(parents=True)
    (folder / "send.py").write_text(SEND)


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize(
    ("piped", "more", "done"),
    [
        ("", (), True),
        ("Send hello.", (), False),
        ("Send hello.", ("--approve", "all"), True),
        ("", ("--approve", "none"), False),
    ],
)
def test_after_text_from_a_pipe_nothing_is_done_unasked(
    agentlab: Any, script: Any, project: Path, piped: str, more: tuple[str, ...], done: bool
) -> None:
    spec = script({"tool_calls": [{"name": "send", "args": {"text": "hello"}}]}, "Done.")
    ran = agentlab("ask", "Sum it up.", "-m", spec, "--tools", "send", *more, stdin=piped)
    assert (ran.stdout, ran.returncode) == ("Done.\n", 0), ran.stderr
    assert (project / "sent.txt").exists() == done


def test_another_decision_is_told(agentlab: Any, script: Any) -> None:
    for more in ((), ("--tools", "calculator")):
        ran = agentlab("ask", "Hi", "-m", script("x"), *more, "--approve", "maybe")
        assert ran.returncode == 2
        assert "'maybe' is no decision" in ran.stderr


SAYS = "I shall add it up. " * 30  # longer than words before a call are


@pytest.mark.parametrize("words", ["I look.", SAYS])
def test_words_before_a_call_are_no_answer(agentlab: Any, script: Any, words: str) -> None:
    calls = {"say": words, "tool_calls": [{"name": "calculator", "args": {"expression": "1+1"}}]}
    spec = script(calls, "It is 2.")
    ran = agentlab("ask", "1+1?", "-m", spec, "--tools", "calculator")
    assert (ran.stdout, ran.returncode) == ("It is 2.\n", 0), ran.stderr
