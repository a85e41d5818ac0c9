"""Which step of a run is which of its recording."""

from __future__ import annotations

from typing import Any

from agentlab.recording import Outcome, Request, Step
from agentlab.scenarios.report import as_json
from agentlab.scenarios.results import Run, ScenarioResult, SuiteResult, TurnRun


def step(kind: Any, target: str, latency: float = 0.5) -> Step:
    reply = {"message": {"role": "ai", "content": "x"}} if kind == "model" else "x"
    return Step(Request(kind, target), reply, latency=latency)


def shown(
    steps: list[Step], outcomes: list[Outcome], turns: int = 1, **fields: Any
) -> list[tuple[str, str, float, bool, int | None]]:
    size = -(-len(steps) // turns)
    ran = [TurnRun("q", "a", "a", n * size, (n + 1) * size) for n in range(turns)]
    result = ScenarioResult(
        "one", "a.yaml", 1, "passed", outcomes=outcomes, run=Run(ran, steps, 1.5), **fields
    )
    report = as_json(SuiteResult([result]))
    assert report["figures"]["recorded_seconds"] == 1.5
    return [
        (row["target"], row["status"], row["recorded_seconds"], row["made"], row["turn"])
        for row in report["scenarios"][0]["steps"]
    ]


def test_a_fault_answers_a_call_that_no_recording_has() -> None:
    recorded = [step("model", "m", 1.0), step("model", "m", 2.0), step("tool", "policy", 3.0)]
    outcomes = [Outcome.of(i, s, "passed") for i, s in enumerate(recorded, 1)]
    # As the code under test saw it: times are those of this replay, and must not be shown.
    seen = [step("model", "m"), step("tool", "policy"), step("model", "m"), step("tool", "policy")]
    assert shown(seen, outcomes, turns=2) == [
        ("m", "passed", 1.0, True, 1),
        ("policy", "injected", 0.0, True, 1),
        ("m", "passed", 2.0, True, 2),
        ("policy", "passed", 3.0, True, 2),
    ]


def test_what_was_recorded_anew_takes_the_place_of_the_stale() -> None:
    old = [step("model", "m", 1.0), step("tool", "t", 2.0), step("model", "m", 3.0)]
    statuses = ("passed", "diverged", "stale")
    outcomes = [
        Outcome.of(i, s, what)  # type: ignore[arg-type]
        for i, (s, what) in enumerate(zip(old, statuses, strict=True), 1)
    ]
    steps = [old[0], step("tool", "u", 4.0)]
    assert shown(steps, outcomes, mode="new", live_calls=1) == [
        ("m", "passed", 1.0, True, 1),
        ("u", "recorded", 4.0, True, 1),
    ]


def test_a_parallel_branch_beside_a_divergence_was_replayed() -> None:
    old = [step("model", "a", 1.0), step("model", "b", 2.0), step("model", "c", 3.0)]
    statuses = ("diverged", "stale", "not made")
    outcomes = [
        Outcome.of(i, s, what)  # type: ignore[arg-type]
        for i, (s, what) in enumerate(zip(old, statuses, strict=True), 1)
    ]
    assert shown([old[1]], outcomes) == [
        ("a", "diverged", 1.0, False, None),
        ("b", "stale", 2.0, True, 1),
        ("c", "not made", 3.0, False, None),
    ]
