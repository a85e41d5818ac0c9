"""Calls, tokens and recorded seconds of a scenario and of a suite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agentlab.scenarios.results import ScenarioResult


@dataclass(frozen=True, slots=True)
class Figures:
    """What runs came to. ``seconds`` are those of the recording, never those of a replay."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0

    @property
    def tokens(self) -> int:
        """Tokens read and written."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.calls + other.calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.seconds + other.seconds,
        )


def figures(result: ScenarioResult) -> Figures:
    """Of the calls that were made in this run, replayed or live; the clock is not counted."""
    if result.run is not None and result.run.steps:
        made = _sum(_figures(step.kind, step.usage, 0.0) for step in result.run.steps)
        return replace(made, seconds=result.run.seconds)
    return _sum(
        _figures(outcome.kind, outcome.usage, outcome.seconds)
        for outcome in result.outcomes
        if outcome.status in ("passed", "recorded")
    )


def total(results: Iterable[ScenarioResult]) -> Figures:
    """The sum over ``results``."""
    return _sum(figures(result) for result in results)


def tokens(usage: Mapping[str, Any] | None) -> tuple[int, int]:
    """Tokens read and written, as far as they were counted."""
    counts = ((usage or {}).get(name) for name in ("input_tokens", "output_tokens"))
    read, written = (count if isinstance(count, int) else 0 for count in counts)
    return read, written


def _figures(kind: str, usage: Mapping[str, Any] | None, seconds: float) -> Figures:
    return Figures(int(kind != "clock"), *tokens(usage), seconds)


def _sum(found: Iterable[Figures]) -> Figures:
    return sum(found, Figures())
