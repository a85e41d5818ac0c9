"""What of a run an expectation looks at: its text, its data, what the memory showed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from agentlab.recording.codec import plain
from agentlab.scenarios.expectations.base import Check, CheckContext, Matcher, Place
from agentlab.scenarios.results import Failure, Run


def of_turn(run: Run, index: int) -> Run:
    """The part of ``run`` that is its turn ``index``: what a turn's own expectations look at."""
    turn = run.turns[index]
    steps = run.steps[turn.first : turn.last]
    alone = replace(turn, first=0, last=len(steps))
    return Run([alone], steps, sum(step.latency for step in steps))


def answer(run: Run) -> Any:
    """The answer: its text where the target gives text or a message, else its value as JSON."""
    output = run.output
    if output is None or isinstance(output, str):
        return run.text
    if hasattr(output, "content") and hasattr(output, "type"):
        return run.text
    return plain(output)


def remembered(run: Run) -> str:
    """The text of the messages that the memory showed in the last turn, one after the other."""
    shown = run.turns[-1].shown if run.turns else ()
    return "\n".join(message.text for message in shown)


@dataclass(frozen=True)
class OnText(Check[Run]):
    """A matcher of the answer's text."""

    place: Place
    part: Matcher

    def check(self, subject: Run, context: CheckContext) -> list[Failure]:
        return self.part.check(subject.text, context)

    def __str__(self) -> str:
        return str(self.part)

    def evidence(self, subject: Run) -> str:
        return self.part.evidence(subject.text)


@dataclass(frozen=True)
class OnAnswer(Check[Run]):
    """A matcher of the answer's value."""

    place: Place
    part: Matcher

    def check(self, subject: Run, context: CheckContext) -> list[Failure]:
        return self.part.check(answer(subject), context)

    def __str__(self) -> str:
        return str(self.part)

    def evidence(self, subject: Run) -> str:
        return self.part.evidence(answer(subject))
