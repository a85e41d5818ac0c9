"""Finding the recorded step that answers a call: by key first, then in order."""

from __future__ import annotations

import difflib
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Any, Literal

from agentlab.recording.compare import changes, describe, outcome
from agentlab.recording.drift import Change, Drift
from agentlab.recording.steps import Recording, Request, Step, same_identity

_MOST = 4_000  # characters of a step that was not made

Status = Literal["passed", "recorded", "diverged", "stale", "not made"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one step. ``seconds`` and ``usage`` are recorded ones.

    ``recorded`` is what came of a step that this run did not make, as text.
    """

    step: int
    kind: str
    target: str
    status: Status
    seconds: float
    usage: dict[str, Any] | None = None
    recorded: str = ""

    @classmethod
    def of(cls, number: int, step: Step, status: Status) -> Outcome:
        """The outcome of ``step``."""
        made = status in ("passed", "recorded")
        recorded = "" if made else _cut(outcome(step), _MOST)
        return cls(number, step.kind, step.target, status, step.latency, step.usage, recorded)


class Playback:
    """The steps of a recording that were not used yet. Not for use by several threads at once."""

    def __init__(self, recording: Recording) -> None:
        self.steps = recording.steps
        self._by_key: dict[str, deque[int]] = defaultdict(deque)
        for index, step in enumerate(self.steps):
            self._by_key[step.request.key].append(index)
        self.used: set[int] = set()
        self._first = 0

    def take(self, request: Request) -> int | None:
        """The index of the next unused step with the same request, which is then used."""
        waiting = self._by_key.get(request.key)
        for index in waiting or ():
            if same_identity(self.steps[index].request.identity, request.identity):
                assert waiting is not None
                waiting.remove(index)
                self.used.add(index)
                return index
        return None

    @property
    def first_unused(self) -> int | None:
        """The index of the first step that was not used, None when all were."""
        while self._first in self.used:
            self._first += 1
        return self._first if self._first < len(self.steps) else None

    def missed(self, request: Request) -> Drift:
        """The drift of a call that no unused step answers."""
        index = self._nearest(request)
        total = len(self.steps)
        if index is None:
            extra = Change("call not recorded", "call", "", describe(request))
            return Drift(total + 1, total, request.kind, request.target, (extra,))
        step = self.steps[index]
        return Drift(
            index + 1,
            total,
            step.kind,
            step.target,
            changes(step, request, self.steps[:index]),
            stale=total - len(self.used) - 1,
            recorded=_line(step),
        )

    def left_out(self) -> Drift | None:
        """The drift of a run that is over, where it did not make every recorded call."""
        index = self.first_unused
        if index is None:
            return None
        step = self.steps[index]
        change = Change("call not made", "call", describe(step.request), "")
        stale = len(self.steps) - len(self.used) - 1
        return Drift(
            index + 1, len(self.steps), step.kind, step.target, (change,), stale, _line(step)
        )

    def outcomes(self, drift: Drift | None) -> list[Outcome]:
        """What became of every recorded step. Nothing after a divergence counts as passed."""
        result = []
        for index, step in enumerate(self.steps):
            status: Status = "passed" if index in self.used else "not made"
            if drift is not None and index + 1 == drift.step:
                status = "diverged"
            elif drift is not None and (index + 1 > drift.step or index not in self.used):
                status = "stale"
            result.append(Outcome.of(index + 1, step, status))
        return result

    def _nearest(self, request: Request) -> int | None:
        """The step that the call would have been: the next, or the most alike in its section."""
        first = self.first_unused
        if first is None:
            return None
        group = self.steps[first].group
        if not group:
            return first
        section = [
            index
            for index in range(first, len(self.steps))
            if self.steps[index].group == group and index not in self.used
        ]
        return max(section, key=lambda i: (_likeness(self.steps[i].request, request), -i))


def _likeness(one: Request, other: Request) -> float:
    if one.kind != other.kind:
        return 0.0
    a, b = ([mark for mark, _ in request.messages] for request in (one, other))
    same = difflib.SequenceMatcher(None, a, b, autojunk=False).ratio()
    alike = difflib.SequenceMatcher(
        None, _last_text(one), _last_text(other), autojunk=False
    ).quick_ratio()
    return 1.0 + 2 * (one.target == other.target) + same + alike + (one.parts == other.parts)


def _last_text(request: Request) -> str:
    if request.messages:
        return str(request.messages[-1][1]["content"])[:500]
    return str(sorted(request.parts.items()))[:500]


def _line(step: Step, most: int = 160) -> str:
    return _cut(" ".join(outcome(step).split()), most)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
