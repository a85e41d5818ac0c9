"""JSON, JUnit and Markdown."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from agentlab.recording import Change, Drift
from agentlab.recording.words import word_diff
from agentlab.scenarios.report import (
    as_json,
    html,
    junit,
    markdown,
    scenario_text,
    write_terminal,
)
from agentlab.scenarios.results import Failure, Run, ScenarioResult, SuiteResult, TurnRun
from tests.scenarios.report.hostile import TEXT, hostile
from tests.scenarios.report.sample import sample

# The schema that Jenkins checks: for each element its children, in order, and its attributes.
JUNIT: dict[str, tuple[list[str], set[str]]] = {
    "testsuites": (["testsuite"], {"name", "time", "tests", "failures", "disabled", "errors"}),
    "testsuite": (
        ["properties", "testcase", "system-out", "system-err"],
        {"name", "tests", "failures", "errors", "time", "disabled", "skipped", "timestamp"}
        | {"hostname", "id", "package"},
    ),
    "properties": (["property"], set()),
    "property": ([], {"name", "value"}),
    "testcase": (
        ["skipped", "error", "failure", "system-out", "system-err"],
        {"name", "assertions", "time", "classname", "status"},
    ),
    "skipped": ([], {"message"}),
    "error": ([], {"type", "message"}),
    "failure": ([], {"type", "message"}),
    "system-out": ([], set()),
}


def check(element: ET.Element) -> None:
    children, attributes = JUNIT[element.tag]
    assert set(element.attrib) <= attributes
    places = [children.index(child.tag) for child in element]
    assert places == sorted(places)
    for child in element:
        check(child)


@pytest.mark.parametrize("which", ["sample", "hostile", "empty"])
def test_junit_is_valid(which: str, suite: SuiteResult) -> None:
    suites = {"sample": suite, "hostile": hostile(), "empty": SuiteResult([])}
    root = ET.fromstring(junit(suites[which]).encode())
    assert root.tag == "testsuites"
    check(root)


def test_junit_counts_and_tells(suite: SuiteResult) -> None:
    root = ET.fromstring(junit(suite).encode())
    assert {k: root.get(k) for k in ("tests", "failures", "errors", "time")} == {
        "tests": "5",
        "failures": "2",
        "errors": "1",
        "time": "2.940",
    }
    cases = {case.get("name"): case for case in root.iter("testcase")}
    failure = cases["manual-rag"].find("failure")
    assert failure is not None
    assert failure.get("message", "").startswith("expect.equals: expected 'Hold the reset button")
    assert "[-ten-]{+five+}" in (failure.text or "")
    drift = cases["big-refund[model=local]"].find("failure")
    assert drift is not None
    assert drift.get("message") == "prompt edited at step 2 of 6 (model scripted)"
    assert cases["no-recording"].find("error") is not None
    skipped = cases["later"].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "waits for the new API"
    assert [case.get("time") for case in cases.values()][:2] == ["1.050", "1.050"]


def test_junit_holds_no_control_characters() -> None:
    text = junit(hostile("failed"))
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", text)
    text.encode()
    (case,) = ET.fromstring(text.encode()).iter("testcase")
    kept = re.sub(r"[\x00-\x09\x0b-\x1f\ud800]", "", TEXT)
    assert case.get("name") == f"{kept}[{kept}={kept}]"


def test_json_has_stable_keys(suite: SuiteResult) -> None:
    report = as_json(suite)
    assert json.loads(json.dumps(report)) == report
    assert list(report) == [
        *("agentlab_report", "ok", "counts", "figures", "note", "scenarios"),
    ]
    assert report["agentlab_report"] == 1
    first = report["scenarios"][0]
    assert list(first) == [
        *("id", "name", "file", "line", "status", "ok", "mode", "params", "tags", "figures"),
        *("replayed_calls", "live_calls", "failures", "warnings", "error", "hint", "drift"),
        *("mutation", "turns", "steps", "messages"),
    ]
    assert first["figures"] == {
        "calls": 2,
        "input_tokens": 56,
        "output_tokens": 12,
        "recorded_seconds": 1.05,
    }
    assert [turn["shown"] for turn in first["turns"]][1][0]["content"].startswith("Hi, I'm Ada")
    assert [step["turn"] for step in first["steps"]] == [1, 2]


def test_json_of_a_drift(suite: SuiteResult) -> None:
    drifted = as_json(suite)["scenarios"][2]
    drift = drifted["drift"]
    assert (drift["step"], drift["of"], drift["stale"]) == (2, 6, 4)
    assert ["removed", "manager"] in drift["changes"][0]["diff"]
    assert [step["status"] for step in drifted["steps"]] == ["passed", "diverged"] + ["stale"] * 4
    assert [step["made"] for step in drifted["steps"]] == [True] + [False] * 5
    assert drift["next"][0]["command"] == (
        "agentlab test 'scenarios/support.yaml::big-refund[model=local]' --record new"
    )


def test_a_message_is_given_once(suite: SuiteResult) -> None:
    chat = as_json(suite)["scenarios"][0]
    sent = [mark for step in chat["steps"] for mark in step["request"]["messages"]]
    assert len(sent) == 6
    assert set(sent) == set(chat["messages"])
    assert len(chat["messages"]) == 4


def test_markdown_names_what_is_wrong(suite: SuiteResult) -> None:
    text = markdown(suite)
    assert text.startswith("### AgentLab: 1 passed, 1 failed, 1 drifted")
    assert "| ❌ FAIL | manual&#45;rag | 2 | 26 | 1.05 s |" in text
    assert "[-manager-]{+supervisor+}" in text
    assert "proves the plumbing" in text
    assert text.count("<details") == text.count("</details>") == 3


def test_markdown_takes_no_markup_from_outside() -> None:
    text = markdown(hostile())
    outside = re.sub(r"(?ms)^(`{3,})text\n.*?^\1\n", "", text)
    assert "pwned" in outside  # the name is there, as text
    assert not re.search(r"<(?!/?(details|summary)\b)", outside)
    assert "@all" not in outside
    row = next(line for line in text.splitlines() if "DRIFT" in line)
    assert row.count("|") == 6
    fence = re.search(r"(?m)^(`{3,})text$", text)
    assert fence is not None
    assert len(fence[1]) == 4  # longer than the one inside


def test_markdown_stays_below_what_github_takes() -> None:
    failure = Failure("expect.equals", "x" * 700, "y" * 700)
    results = [
        ScenarioResult(f"scenario-{n}", "a.yaml", n, "failed", failures=[failure])
        for n in range(2_000)
    ]
    text = markdown(SuiteResult(results))
    assert len(text) < 65_000
    assert "more: see the HTML report" in text
    assert "2000 failed" in text


SECRET = "sk-abcdefghijklmnopqrstuvwx0123456789"


def leaking() -> SuiteResult:
    diff = [(piece.what, piece.text) for piece in word_diff("no key", f"key {SECRET}")]
    failure = Failure("expect.not", "no key", f"key {SECRET}", f"found {SECRET}", diff)
    change = Change("prompt edited", "x", "a", SECRET, word_diff("a", SECRET))
    drift = Drift(1, 1, "model", "m", (change,), recorded=SECRET)
    turn = TurnRun(SECRET, {"answer": SECRET}, SECRET, 0, 0)
    item = {"what": "text", "turn": 0, "change": SECRET, "verdict": "survived"}
    fields: dict[str, Any] = {"error": SECRET, "hint": SECRET, "run": Run([turn], [])}
    fields |= {"failures": [failure], "warnings": [failure]}
    fields |= {"mutation": {"killed": 0, "survived": 1, "items": [item]}}
    return SuiteResult(
        [
            ScenarioResult("a", "a.yaml", 1, "error", **fields),
            ScenarioResult("b", "a.yaml", 2, "drift", drift=drift, **fields),
        ]
    )


def test_no_report_holds_a_secret() -> None:
    suite = leaking()
    lines: list[str] = []
    write_terminal(suite, lines.append, color=False, width=200)
    reports = [
        *("".join(lines), html(suite), junit(suite), markdown(suite), json.dumps(as_json(suite))),
        *(scenario_text(result) for result in suite.results),
    ]
    for report in reports:
        assert "[redacted:openai]" in report.replace("&#91;", "[").replace("&#58;", ":")
        assert not re.search(r"abcdefghijklmnop|qrstuvwx0123456789", report)


def test_the_same_results_give_the_same_bytes(suite: SuiteResult, tmp_path: Path) -> None:
    again = dataclasses.replace(sample(tmp_path), cpu_seconds=9.0, wall_seconds=9.0)
    for report in (html, junit, markdown):
        assert report(again) == report(suite)
    assert json.dumps(as_json(again)) == json.dumps(as_json(suite))
