"""The steps of a run beside what became of the recorded ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agentlab.recording import Outcome, Step
from agentlab.scenarios.results import ScenarioResult


@dataclass(frozen=True, slots=True)
class Row:
    """One step. ``step`` is None where this run did not make it.

    ``status`` is that of the outcome; ``injected`` for a call that a fault answered, which no
    recording has. ``seconds`` are recorded ones, 0 for an injected call. ``recorded`` is the
    recorded answer of a step that was not made.
    """

    kind: str
    target: str
    status: str
    seconds: float
    usage: Mapping[str, Any] | None
    step: Step | None = None
    turn: int | None = None
    recorded: str = ""


def trajectory(result: ScenarioResult) -> list[Row]:
    """The rows of ``result``, in the order of its recording.

    A replay that left its recording has no request or answer of the steps after that. A run under
    faults has calls of its own among the recorded ones.
    """
    return list(_rows(result))


def _rows(result: ScenarioResult) -> Iterator[Row]:
    steps = list(result.run.steps) if result.run is not None else []
    anew = result.live_calls > 0 and result.mode in ("new", "all")
    done = 0
    for outcome in result.outcomes:
        found = _place(outcome, steps, done)
        if found is None:
            if not (anew and outcome.status not in ("passed", "recorded")):
                yield _row(outcome)
            continue
        yield from (_own(result, steps, place) for place in range(done, found))
        yield _row(outcome, steps[found], _turn(result, found))
        done = found + 1
    yield from (_own(result, steps, place) for place in range(done, len(steps)))


def _place(outcome: Outcome, steps: list[Step], done: int) -> int | None:
    """Which of ``steps``, from ``done`` on, is that of ``outcome``."""
    if outcome.status not in ("passed", "recorded"):
        # Beside a divergence a parallel branch may have been replayed: with its recorded time.
        same = done < len(steps) and _is_of(steps[done], outcome)
        return done if same and steps[done].latency == outcome.seconds else None
    return next((i for i in range(done, len(steps)) if _is_of(steps[i], outcome)), None)


def _is_of(step: Step, outcome: Outcome) -> bool:
    return (step.kind, step.target) == (outcome.kind, outcome.target)


def _row(outcome: Outcome, step: Step | None = None, turn: int | None = None) -> Row:
    recorded = outcome.recorded if step is None else ""
    what = (outcome.kind, outcome.target, outcome.status, outcome.seconds, outcome.usage)
    return Row(*what, step, turn, recorded)


def _own(result: ScenarioResult, steps: list[Step], place: int) -> Row:
    """A step that is not in the recording that was replayed."""
    step = steps[place]
    status, seconds = ("recorded", step.latency) if result.live_calls else ("injected", 0.0)
    return Row(step.kind, step.target, status, seconds, step.usage, step, _turn(result, place))


def _turn(result: ScenarioResult, place: int) -> int | None:
    turns = result.run.turns if result.run is not None else ()
    found = (number for number, turn in enumerate(turns, 1) if turn.first <= place < turn.last)
    return next(found, None)
