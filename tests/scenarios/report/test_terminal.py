"""The report in a terminal."""

from __future__ import annotations

import re

import pytest

from agentlab.recording import Change, Drift, Outcome
from agentlab.scenarios.report import scenario_text, write_terminal
from agentlab.scenarios.results import Failure, ScenarioResult, Status, SuiteResult
from tests.scenarios.report.hostile import hostile

EXPECTED = """\
scenarios/support.yaml
  PASS  remembers-the-order      2 calls  68 tokens  1.05 s
  FAIL  manual-rag               2 calls  26 tokens  1.05 s
        1 warning
  DRIFT big-refund[model=local]   1 call             0.84 s
scenarios/new.yaml
  ERROR no-recording
  SKIP  later
        waits for the new API

FAIL manual-rag  scenarios/support.yaml:17
  expect.equals
    expected Hold the reset button for ten seconds [1].
    got      Hold the reset button for five seconds [1].
    diff     Hold the reset button for [-ten-]{+five+} seconds [1].
  warning
  expect.budget.seconds
    slower than its budget
    expected at most 1 s
    got      1.05 s

DRIFT big-refund[model=local]  scenarios/support.yaml:29
  at step 2 of 6 (model scripted); 4 later steps are stale
  messages[0] system  prompt edited
    … shop. Refunds over $500 need [-manager-]{+supervisor+} approval. Be brief.
  recorded: look_up(order=TEST-1)
  likelihood now: agree 0.75, mean log-probability -0.42: another answer is expected
  -> ask again from there (5 calls)  agentlab test 'scenarios/support.yaml::big-refund[model=local]' --record new
  -> keep the recorded answers       agentlab accept 'big-refund[model=local]'

ERROR no-recording  scenarios/new.yaml:3
    there is no recording cassettes/new/no-recording.jsonl
    hint: record it with --record once

1 passed, 1 failed, 1 drifted, 1 in error, 1 skipped
5 calls, 94 tokens, recorded in 2.94 s
5 replayed, 0 made; 0.42 s now
A replay proves the plumbing: prompts, tools, their order and what is made of the answers.
It says nothing about the quality of what a model would answer today.
"""  # noqa: E501


def written(suite: SuiteResult, *, color: bool = False, width: int = 92) -> str:
    lines: list[str] = []
    write_terminal(suite, lines.append, color=color, width=width)
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
    return "".join(lines)


TEST = "agentlab test scenarios/a.yaml::one"


def one(status: Status = "failed", **fields: object) -> ScenarioResult:
    return ScenarioResult("one", "scenarios/a.yaml", 1, status, **fields)  # type: ignore[arg-type]


def test_a_suite_of_each_status(suite: SuiteResult) -> None:
    assert written(suite) == EXPECTED


def test_colour_adds_nothing_that_the_text_does_not_say(suite: SuiteResult) -> None:
    coloured = written(suite, color=True)
    assert "\x1b[31mFAIL" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured).replace(" \n", "\n") == EXPECTED


def test_lines_fold_where_they_can(suite: SuiteResult) -> None:
    narrow = written(suite, width=60)
    sentences = [line for line in narrow.splitlines() if "agentlab " not in line]
    assert max(map(len, sentences)) <= 60
    words = narrow[: narrow.index("1 passed")].split()
    assert words == EXPECTED[: EXPECTED.index("1 passed")].split()


def test_text_from_outside_cannot_steer_the_terminal() -> None:
    for status in ("drift", "failed", "error"):
        text = written(hostile(status), color=True)
        own = re.sub(r"\x1b\[(\d|\d\d)m", "", text)
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", own)
        assert "␛]0;title" in own
        assert not re.search(r"(?m)^( {2})?PASS", own)  # no line looks like one of ours
        assert "\x1b" not in scenario_text(hostile(status).results[0])
        own.encode()  # no lone surrogates: what a terminal cannot take


def test_nothing_to_run() -> None:
    assert written(SuiteResult([])) == "no scenarios\n"


def test_wide_signs_keep_the_columns() -> None:
    made = (Outcome(1, "model", "m", "recorded", 0.5),)
    results = [
        ScenarioResult(name, "a.yaml", 1, "recorded", outcomes=made)
        for name in ("買い物", "shop-x")
    ]
    assert written(SuiteResult(results)).splitlines()[1:3] == [
        "  NEW   買い物  1 call    0.50 s",
        "  NEW   shop-x  1 call    0.50 s",
    ]


def test_a_long_answer_is_cut_and_says_so() -> None:
    text = "\n".join(f"line {n}" for n in range(1, 101))
    said = scenario_text(one(failures=[Failure("expect.equals", "", text)]))
    assert "line 8\n" in said
    assert "line 9\n" not in said
    assert f"… {len(text) - len(text[: text.index('line 9')]) + 1} more characters" in said


@pytest.mark.parametrize(
    ("step", "what", "commands"),
    [
        (3, "prompt edited", ["agentlab accept one", f"{TEST} --record new"]),
        (8, "call not recorded", [f"{TEST} --record new"]),
        (7, "model identity", [f"{TEST} --record new"]),
        (7, "different call", [f"{TEST} --record new"]),
    ],
)
def test_only_what_can_help_is_proposed(step: int, what: str, commands: list[str]) -> None:
    change = Change(what, "call", "a", "b")  # type: ignore[arg-type]
    said = scenario_text(one("drift", drift=Drift(step, 7, "model", "m", (change,), 7 - step)))
    assert re.findall(r"-> .*?  +(agentlab .*)", said) == commands
    assert ("after the last of 7 steps" in said) is (step == 8)


def test_a_name_with_shell_signs_is_quoted() -> None:
    drift = Drift(1, 1, "model", "m", (Change("input", "x", "a", "b"),))
    result = ScenarioResult("a b;c", "my tests/a.yaml", 1, "drift", drift=drift)
    assert "agentlab accept 'a b;c' 'my tests/a.yaml'\n" in scenario_text(result)
    assert "agentlab test 'my tests/a.yaml::a b;c' --record new" in scenario_text(result)


def test_a_new_answer_to_the_same_call_is_recorded_again() -> None:
    drift = Drift(1, 2, "model", "m", (Change("answer", "model m", "a", "b"),))
    said = scenario_text(one("drift", drift=drift, mode="verify"))
    assert re.findall(r"-> .*?  +(agentlab .*)", said) == [f"{TEST} --record all"]


def test_mutations_that_nothing_notices() -> None:
    item = {"what": "number", "turn": 0, "change": "842 -> 843", "verdict": "survived", "by": ""}
    mutation = {"killed": 3, "survived": 1, "undecided": 0, "items": [item]}
    text = written(SuiteResult([one("passed", mutation=mutation)]))
    assert "PASS  one\n        3 of 4 mutations noticed\n" in text
    assert "not noticed: turn 1: number: 842 -> 843" in text
