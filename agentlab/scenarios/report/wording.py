"""The sentences that all reports share."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from agentlab.recording import Drift
from agentlab.scenarios.report.figures import Figures
from agentlab.scenarios.results import ScenarioResult, Status, SuiteResult

PLUMBING = (
    "A replay proves the plumbing: prompts, tools, their order and what is made of the answers. "
    "It says nothing about the quality of what a model would answer today."
)
LABELS: dict[Status, str] = {
    "passed": "PASS",
    "failed": "FAIL",
    "drift": "DRIFT",
    "error": "ERROR",
    "skipped": "SKIP",
    "recorded": "NEW",
}
_IN_TOTALS: dict[Status, str] = {
    "passed": "passed",
    "recorded": "recorded",
    "failed": "failed",
    "drift": "drifted",
    "error": "in error",
    "skipped": "skipped",
}
# No recorded answer can be kept for these.
_NEED_AN_ANSWER = {"different call", "call not recorded", "call not made", "model identity"}


def count(number: int, noun: str) -> str:
    """``1 call``, ``2 calls``, ``1,234 calls``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def seconds(value: float) -> str:
    """``0 s``, ``0.4 ms``, ``12 ms``, ``0.42 s``, ``12.3 s``."""
    if not value:
        return "0 s"
    if value < 0.1:
        return f"{value * 1000:.{1 if value < 0.001 else 0}f} ms"
    return f"{value:.2f} s" if value < 10 else f"{value:,.1f} s"


def totals(suite: SuiteResult) -> str:
    """``2 passed, 1 drifted``; ``no scenarios`` of none."""
    counts = suite.counts()
    said = [f"{counts[status]} {word}" for status, word in _IN_TOTALS.items() if status in counts]
    return ", ".join(said) or "no scenarios"


def summed(figures: Figures) -> str:
    """``7 calls, 312 tokens, recorded in 8.1 s``."""
    parts = [count(figures.calls, "call"), count(figures.tokens, "token")]
    return f"{', '.join(parts)}, recorded in {seconds(figures.seconds)}"


def place(result: ScenarioResult) -> str:
    """``scenarios/support.yaml:12``."""
    return f"{result.file}:{result.line}" if result.line else result.file


def turn_of(result: ScenarioResult) -> int | None:
    """The turn of the divergent step, counted from 1; None where there is only one."""
    turns = result.run.turns if result.run is not None else ()
    if result.drift is None or len(turns) < 2:
        return None
    step = result.drift.step - 1
    found = [number for number, turn in enumerate(turns, 1) if turn.first <= step]
    return found[-1] if found else None


def where_drifted(result: ScenarioResult) -> str:
    """``at step 3 of 7 (model gpt, turn 2)``."""
    drift = result.drift
    assert drift is not None
    called = drift.kind if drift.kind == drift.target else f"{drift.kind} {drift.target}"
    turn = turn_of(result)
    inside = called if turn is None else f"{called}, turn {turn}"
    if drift.step > drift.of:
        return f"after the last of {count(drift.of, 'step')} ({inside})"
    return f"at step {drift.step} of {drift.of} ({inside})"


def stale(drift: Drift) -> str:
    """``4 later steps are stale``, empty for none."""
    if not drift.stale:
        return ""
    return f"{count(drift.stale, 'later step')} {'is' if drift.stale == 1 else 'are'} stale"


def likelihood(drift: Drift) -> str:
    """What the recorded answer's likelihood tells, empty where it was not measured."""
    found = drift.likelihood
    if found is None:
        return ""
    figures = found.figures.replace("mean", "mean log-probability")
    return f"{figures}: {found.verdict}"


def going_on(result: ScenarioResult) -> str:
    """How the run goes on after a drift, where models were asked; empty where they were not."""
    now = result.now
    if now is None:
        return ""
    asked = count(now.live_calls, "call")
    if now.error:
        return f"{now.error} ({asked} made)"
    met = "its expectations are met" if not now.failures else ""
    missed = "; ".join(f"{f.path}: expected {f.expected}, got {f.got}" for f in now.failures)
    return f"{met or missed} ({asked} made): {now.text}"


def next_steps(result: ScenarioResult) -> list[tuple[str, str]]:
    """What to run after a drift, likeliest first: (what it does, command)."""
    drift = result.drift
    assert drift is not None
    name = shlex.quote(result.name)
    found = result.file.startswith("scenarios/")  # where the command looks by itself
    where = "" if found else f" {shlex.quote(result.file)}"
    test = f"agentlab test {shlex.quote(f'{result.file}::{result.name}')}"
    if result.mode == "verify" and drift.changes[0].where == f"{drift.kind} {drift.target}":
        # The same call, with another answer.
        return [("take the new answers", f"{test} --record all")]
    left = drift.of - drift.step + 1
    again = f"ask again from there ({count(left, 'call')})" if left > 0 else "record the new call"
    steps = [(again, f"{test} --record new")]
    if drift.kind == "model" and not _NEED_AN_ANSWER & {change.what for change in drift.changes}:
        accept = ("keep the recorded answers", f"agentlab accept {name}{where}")
        unlikely = drift.likelihood is not None and drift.likelihood.agree < 1
        steps.insert(1 if unlikely else 0, accept)
    return steps


def noticed(mutation: Mapping[str, Any]) -> str:
    """``8 of 9 mutations noticed``."""
    killed, survived = mutation.get("killed", 0), mutation.get("survived", 0)
    said = f"{killed:,} of {count(killed + survived, 'mutation')} noticed"
    undecided = mutation.get("undecided", 0)
    return f"{said}, {undecided:,} that only a model could judge" if undecided else said


def survivors(mutation: Mapping[str, Any]) -> list[str]:
    """The mutations that no expectation noticed: ``turn 1: another number: 842 -> 843``."""
    return [
        f"turn {item['turn'] + 1}: {item['what']}: {item['change']}"
        for item in mutation.get("items", ())
        if item["verdict"] == "survived"
    ]
