"""``memory``: what the memory showed the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentlab.scenarios.expectations.base import (
    Check,
    CheckContext,
    Compiler,
    Expectation,
    Matcher,
    Place,
    kind_of,
    wrong,
)
from agentlab.scenarios.expectations.subjects import remembered
from agentlab.scenarios.results import Failure, Run


@dataclass(frozen=True)
class Remembered(Check[Run]):
    """The text of all messages that were shown in the turn, one under the other, matches."""

    place: Place
    part: Matcher

    def check(self, subject: Run, context: CheckContext) -> list[Failure]:
        found = self.part.check(remembered(subject), context)
        if found and context.explain and not (subject.turns and subject.turns[-1].shown):
            none = "the memory showed nothing in this turn"
            return [Failure(f.path, f.expected, f.got, f.message or none) for f in found]
        return found

    def __str__(self) -> str:
        return f"the memory shows: {self.part}"

    def evidence(self, subject: Run) -> str:
        return self.part.evidence(remembered(subject))


def compile_memory(raw: Any, place: Place, compiler: Compiler) -> Expectation:
    """``memory: {contains: Ada, …}``."""
    if not isinstance(raw, Mapping):
        raise wrong(place, f"expected matchers, got {kind_of(raw)}", "write {contains: …}")
    return Remembered(place, compiler.matcher(raw, place))
