"""After a drift: the run that goes on, the steps that are stale, what commands and reports say."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from agentlab.errors import ScenarioError
from agentlab.scenarios.accept import accept
from agentlab.scenarios.report import as_json, html, junit, markdown, scenario_text
from agentlab.scenarios.results import GoneOn, ScenarioResult, SuiteResult
from agentlab.scenarios.running import Options
from agentlab.scenarios.suite import run_suite
from tests.scenarios.conftest import Project
from tests.scenarios.test_suites import AGENT, CHAT, PAID

Made = Callable[..., dict[str, ScenarioResult]]


def as_text(results: list[ScenarioResult]) -> str:
    return " ".join(" ".join(scenario_text(result) for result in results).split())


def test_a_run_that_drifts_may_go_on(made: Made, project: Project) -> None:
    """With real calls and without recording them; it stays a drift."""
    live = CHAT.replace("scenarios:", "on_drift: live\nscenarios:", 1)
    made(live)
    before = project.cassette("chat").read_bytes()
    changed = live.replace("What is my name?", "Tell my name?")
    result = made(changed, "once")["chat"]
    assert (result.status, result.live_calls) == ("drift", 0)
    assert result.now == GoneOn("Your name is Ada.", [], live_calls=1)
    assert "its expectations are met (1 call made): Your name is Ada." in as_text([result])
    missed = made(changed.replace("contains: Ada", "contains: Bob"), "once")["chat"].now
    assert missed is not None
    assert [failure.path for failure in missed.failures] == ["turns[1].expect.contains"]
    assert made(changed, "none")["chat"].now is None
    assert made(CHAT.replace("What is my name?", "Tell my name?"), "once")["chat"].now is None
    assert project.cassette("chat").read_bytes() == before


def test_a_run_that_goes_on_has_no_effects(made: Made, project: Project) -> None:
    live = PAID.replace("scenarios:", "on_drift: live\nscenarios:", 1)
    made(live)
    project.edit("shop.py", "need manager approval", "need supervisor approval")
    now = made(live, "once")["a"].now
    assert now is not None
    assert "has side effects and would run again" in now.error
    assert "goes on: the tool 'refund' has side effects" in as_text(
        list(made(live, "once").values())
    )


def test_a_name_after_two_colons_is_exact(made: Made, project: Project) -> None:
    more = "- {id: a-b, agent: 'shop:support', model: worker, input: Refund order 7}\n"
    more += "- {id: c, chat: chat, model: talk, input: Hi, repeat: {n: 2}}\n"
    made(AGENT + more)
    place = f"{project.folder}/scenarios/shop.yaml"

    def names(*paths: str, **options: object) -> list[str]:
        return [r.name for r in run_suite(paths, Options(), **options).results]  # type: ignore[arg-type]

    assert names(f"{place}::a") == ["a"]
    assert names(f"{place}::a", f"{place}::c", processes=2) == ["a", "c[repeat=1]", "c[repeat=2]"]
    assert names(f"{place}::c[repeat=2]") == ["c[repeat=1]", "c[repeat=2]"]
    assert names(f"{place}::a", place)[:2] == ["a", "a-b"]
    with pytest.raises(ScenarioError, match=r"shop\.yaml has no scenario 'a-c', did you mean"):
        names(f"{place}::a-c")
    project.edit("shop.py", 'TOOLS[call["name"]].invoke(call)', "'x'")
    with pytest.raises(ScenarioError) as caught:
        accept("a", [place])
    assert "agentlab test scenarios/shop.yaml::a --record new" in caught.value.hint


def test_stale_steps_show_what_was_recorded(made: Made, project: Project) -> None:
    made(AGENT)
    project.edit("shop.py", "need manager approval", "need supervisor approval")
    result = made(AGENT)["a"]
    steps = as_json(SuiteResult([result]))["scenarios"][0]["steps"]
    assert [step["status"] for step in steps] == ["diverged", "stale", "stale"]
    assert steps[2]["recorded"] == "That needs a manager's approval."
    assert "That needs a manager&#39;s approval." in html(SuiteResult([result]))


def test_no_report_of_a_recording_run_has_what_is_redacted(made: Made, project: Project) -> None:
    """The run itself sees it: a target returns it, an expectation fails with it."""
    text = CHAT.replace("scenarios:", "redact: ['nice to \\w+', 'ACME-\\d+']\nscenarios:", 1)
    text = text.replace(
        "- user: I am Ada.", "- {user: I am Ada of ACME-12345, expect: {equals: x}}"
    )
    result = made(text)["chat"]
    assert result.status == "failed"
    assert result.live_calls == 2
    suite = SuiteResult([result])
    written = [json.dumps(as_json(suite)), html(suite), junit(suite), scenario_text(result)]
    for report in (*written, markdown(suite)):
        assert "12345" not in report
        assert "nice to meet" not in report
        assert "Hello Ada" in report
