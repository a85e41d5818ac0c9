"""``agentlab run``: answers on stdout, everything else on stderr, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


def test_the_steps_answers_are_all_that_is_on_stdout(process: Any) -> None:
    done = process("run", "mychains:story", "--set", "summary=a girl")
    assert done.stdout == "The Lost Girl\n\nShe found her.\n"
    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize("flag", ["--stream", "--no-stream"])
def test_steps_side_by_side_are_not_mixed(agentlab: Any, flag: str) -> None:
    done = agentlab("run", "mychains:views", "x", flag)
    assert done.stdout.split("\n\n") in (["a b c", "d e f\n"], ["d e f", "a b c\n"])


def test_a_value_that_is_not_text_is_json(agentlab: Any) -> None:
    done = agentlab("run", "mychains:card", "x")
    first, _, second = done.stdout.partition("\n\n")
    assert json.loads(first) == {"name": "Zoë", "age": 3}
    assert "Zoë" in first
    assert second == "1\n"


def test_a_runnable_without_steps(agentlab: Any) -> None:
    for flag in ("--stream", "--no-stream"):
        assert agentlab("run", "mychains:plain", "x", flag).stdout == "just an answer\n"


@pytest.mark.parametrize("flag", ["--stream", "--no-stream"])
@pytest.mark.parametrize("name", ["agent", "solved"])
def test_of_an_agent_the_answer_is_shown(agentlab: Any, name: str, flag: str) -> None:
    assert agentlab("run", f"mychains:{name}", "What is 19 + 23?", flag).stdout == "It is 42.\n"


def test_json_has_an_agents_events(agentlab: Any) -> None:
    done = agentlab("run", "mychains:solved", "What is 19 + 23?", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == [
        *("step_started", "tool_call", "tool_result", "token", "token", "token"),
        *("step_finished", "usage", "answer"),
    ]
    assert events[-1]["value"]["sum"]["answer"] == "It is 42."


def test_json_is_one_event_a_line(agentlab: Any) -> None:
    done = agentlab("run", "mychains:story", "--set", "summary=a girl", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == [
        *("step_started", "token", "token", "token", "step_finished"),
        *("step_started", "token", "token", "token", "step_finished"),
        *("usage", "answer"),
    ]
    assert events[1] == {"event": "token", "text": "The", "step": "title"}
    assert events[-1]["value"]["end"] == "She found her."


def test_json_without_streaming_has_no_tokens(agentlab: Any) -> None:
    done = agentlab("run", "mychains:story", "x", "--json", "--no-stream")
    names = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert names == ["step_finished", "step_finished", "usage", "answer"]


def test_json_tells_of_a_failure(agentlab: Any) -> None:
    done = agentlab("run", "mychains:failing", "x", "--json")
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["event"], last["partial"]) == ("failed", "half an answer")
    assert done.returncode == 1
    assert done.stderr.startswith("error: the answer stopped in the middle")


def test_the_text_that_came_before_a_failure_is_shown(process: Any) -> None:
    done = process("run", "mychains:failing", "x")
    assert done.stdout == "half an answer\n"
    assert done.stderr == "error: the answer stopped in the middle: connection\n"
    assert done.returncode == 1


def test_the_exit_code_of_what_was_written_wrong(process: Any) -> None:
    done = process("run", "mychains:story", "--set", "sumary=x")
    assert done.stdout == ""
    assert done.stderr.splitlines()[1] == "hint: the input has 'sumary': is it 'summary'?"
    assert done.returncode == 2


def test_text_from_a_pipe(process: Any) -> None:
    done = process("run", "mychains:echo", stdin="from a pipe\n")
    assert done.stdout == "{'input': 'from a pipe'}\n"


def test_the_input_may_come_from_stdin(agentlab: Any) -> None:
    for arguments in (["-"], []):
        done = agentlab("run", "mychains:echo", *arguments, stdin="from a pipe\n")
        assert done.stdout == "{'input': 'from a pipe'}\n"


def test_values_from_files_and_json(agentlab: Any, project: Path) -> None:
    (project / "text.txt").write_text("two\nlines\n")
    done = agentlab(
        *("run", "mychains:echo", "--set", "a=@text.txt", "--set", "b=@@you"),
        *("--set", "c=x=y", "--set-json", 'd=[1, {"e": null}]'),
    )
    expected = {"a": "two\nlines", "b": "@you", "c": "x=y", "d": [1, {"e": None}]}
    assert done.stdout == f"{expected!r}\n"


def test_the_input_stands_for_the_variable_that_is_left(agentlab: Any) -> None:
    done = agentlab("run", "story", "x", "--set", "summary=y")
    assert "can't be given to one variable: all are set already" in done.stderr
    assert done.returncode == 2


def test_until_a_step(agentlab: Any) -> None:
    done = agentlab("run", "mychains:story", "x", "--until", "title")
    assert done.stdout == "The Lost Girl\n"


def test_a_factory_is_given_the_model(agentlab: Any, project: Path) -> None:
    (project / "script.yaml").write_text("replies: [{say: from the script}]")
    done = agentlab("run", "mychains:factory", "x", "--model", "scripted:script.yaml")
    assert (done.stdout, done.stderr) == ("from the script\n", "")


@pytest.mark.parametrize(
    ("arguments", "code", "told", "hint"),
    [
        (["stroy"], 2, "there is no chain 'stroy'", "did you mean 'story'?"),
        (["mychains:nothing"], 2, "'mychains' has no 'nothing'", ""),
        (["mychains:storey"], 2, "'mychains' has no 'storey'", "did you mean 'story'?"),
        (["nowhere:story"], 2, "there is no module 'nowhere'", "hint: give a module"),
        (["mychains:number"], 2, "of type int, not a chain", "a Runnable"),
        (["mychains:two"], 2, "takes 2 arguments", "def chain(model)"),
        (["mychains:story", "--seed", "1", "x"], 2, "has its own model", "def chain(model)"),
        (["mychains:story", "--set", "summary"], 2, "has no name=", "--set name=value"),
        (["mychains:story", "--set-json", "a={"], 2, "not JSON", "--set a=…"),
        (["mychains:story", "--set", "a=@no.txt"], 2, "No such file", "write @@"),
        (["mychains:story", "--set", "sumary=x"], 2, "needs 'summary'", "is it 'summary'?"),
        (["mychains:story", "--until", "titel"], 2, "no step 'titel'", "did you mean 'title'?"),
        (["mychains:plain", "--until", "a"], 2, "has no steps", ""),
        (["mychains:story", "--sett", "a=b"], 2, "no such option: --sett", "--help"),
        (["mychains:story", "--seed", "x"], 2, "invalid value for '--seed'", "--help"),
        ([], 2, "missing argument 'CHAIN'", "agentlab run --help"),
        (["mychains:failing", "x"], 1, "stopped in the middle", ""),
        (["mychains:broken", "x"], 1, "unexpected ZeroDivisionError", "--debug"),
    ],
)
def test_what_goes_wrong_is_a_sentence(
    agentlab: Any, arguments: list[str], code: int, told: str, hint: str
) -> None:
    done = agentlab("run", *arguments)
    assert done.returncode == code
    assert done.stderr.startswith("error: ")
    assert told in done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_debug_shows_where_it_happened(agentlab: Any) -> None:
    for arguments, environment in ((["--debug"], {}), ([], {"AGENTLAB_DEBUG": "1"})):
        done = agentlab("run", "mychains:broken", "x", *arguments, **environment)
        assert "Traceback" in done.stderr
        assert "mychains.py" in done.stderr
        assert done.stderr.splitlines()[-1].startswith("error: unexpected ZeroDivisionError")
        assert done.returncode == 1


def test_a_pipe_gets_the_text_as_it_is(agentlab: Any) -> None:
    done = agentlab("run", "mychains:evil", "x")
    assert done.stdout == "\x1b]0;owned\x07 red \x1b[31m \u202e gnp.exe\n"
