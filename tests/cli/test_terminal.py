"""On a terminal: headings, harmless text, Ctrl-C, and a reader that goes away."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.cli.conftest import AGENTLAB


@pytest.fixture
def terminal(project: Path) -> Callable[..., Any]:
    """Run ``agentlab`` on a pseudo-terminal."""

    def spawn(*arguments: str, **environment: str) -> Any:
        env = {**os.environ, "TERM": "xterm", **environment}
        return pexpect.spawn(
            AGENTLAB, list(arguments), cwd=str(project), env=env, timeout=60, encoding="utf-8"
        )

    return spawn


def all_of(child: Any) -> tuple[str, int]:
    child.expect(pexpect.EOF)
    child.close()
    return child.before.replace("\r\n", "\n"), child.exitstatus


def test_each_answer_has_its_steps_name_above(terminal: Any) -> None:
    text, code = all_of(terminal("run", "mychains:story", "x", NO_COLOR=""))
    assert text.startswith(
        "\x1b[2mtitle\x1b[0m\nThe Lost Girl\n\n\x1b[2mend\x1b[0m\nShe found her.\n"
    )
    assert "2 calls, 4 tokens read, 6 written" in text
    assert code == 0


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb", "NO_COLOR": ""}])
def test_no_styles_where_they_are_not_wanted(terminal: Any, environment: dict[str, str]) -> None:
    text, _ = all_of(terminal("run", "mychains:story", "x", **environment))
    assert "\x1b" not in text
    assert text.startswith("title\nThe Lost Girl\n\nend\nShe found her.\n")
    table, _ = all_of(terminal("prompts", **environment))
    assert "\x1b" not in table


@pytest.mark.parametrize("flags", [[], ["--no-stream"], ["--json"]])
def test_a_models_escapes_never_reach_the_terminal(terminal: Any, flags: list[str]) -> None:
    text, _ = all_of(terminal("run", "mychains:evil", "x", *flags))
    assert "owned" in text
    assert not set(text) & {"\x1b", "\x07", "\u202e"}


def test_an_errors_text_is_harmless_too(terminal: Any) -> None:
    text, code = all_of(terminal("run", "\x1b]0;owned\x07"))
    assert "there is no chain" in text
    assert not set(text) & {"\x1b", "\x07"}
    assert code == 2


def test_ctrl_c_stops_the_answer(terminal: Any) -> None:
    child = terminal("run", "mychains:slow", "x")
    child.expect("word word")
    child.sendintr()
    text, code = all_of(child)
    assert code == 130
    assert text.count("word") < 400
    assert text.rstrip().endswith("stopped")
    assert "Traceback" not in text
    assert "Exception ignored" not in text


def test_ctrl_c_with_json_tells_what_had_come(terminal: Any) -> None:
    child = terminal("run", "mychains:slow", "x", "--json")
    child.expect('"text": " word"')
    child.sendintr()
    text, code = all_of(child)
    assert '"event": "failed", "error": "TurnCancelled"' in text
    assert code == 130


def test_a_second_ctrl_c_ends_what_does_not_listen(terminal: Any) -> None:
    child = terminal("run", "mychains:stuck", "x")
    child.expect("asleep")
    child.sendintr()
    child.expect("Ctrl-C again")
    child.sendintr()
    _, code = all_of(child)
    assert code == 130


def test_ctrl_c_while_waiting_for_stdin(project: Path) -> None:
    child = subprocess.Popen(
        [AGENTLAB, "run", "mychains:echo", "-"],
        cwd=project,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(3)
    child.send_signal(signal.SIGINT)
    _, stderr = child.communicate(timeout=60)
    assert (child.returncode, stderr) == (130, b"stopped\n")


def test_a_reader_that_goes_away_ends_it_quietly(project: Path) -> None:
    child = subprocess.Popen(
        [AGENTLAB, "run", "mychains:slow", "x"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.read(4)
    child.stdout.close()
    assert child.stderr.read() == b""
    assert child.wait(60) == 141
