"""Runs to expect something of, and what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agentlab.recording import cassette, load
from agentlab.scenarios.expectations import CheckContext, check, compile_expect
from agentlab.scenarios.results import Failure, Run, TurnRun
from tests.recording.parts import QUESTION, model, support, support_answers


def said(
    text: str,
    output: Any = None,
    *,
    asked: str = "?",
    chunks: Sequence[str] = (),
    documents: Sequence[Mapping[str, Any]] = (),
) -> Run:
    """A run of one turn that answered ``text``, or ``output``."""
    output = text if output is None else output
    return Run([TurnRun(asked, output, text, 0, 0, (), documents, chunks)], [])


def failures(raw: Any, run: Run | str, context: CheckContext | None = None) -> list[Failure]:
    """What of the expectations in ``raw`` the run does not meet."""
    return check(compile_expect(raw), said(run) if isinstance(run, str) else run, context)


def met(raw: Any, run: Run | str, context: CheckContext | None = None) -> bool:
    """Whether the run meets all expectations in ``raw``."""
    return not failures(raw, run, context)


def recorded_support(folder: Path) -> Run:
    """A recorded agent: it retrieves, looks up the order, checks the policy, and answers."""
    path = folder / "support.jsonl"
    with cassette(path, mode="all"):
        history = support(model(*support_answers()))
    steps = load(path).steps
    answer = history[-1]
    turn = TurnRun(QUESTION, answer, answer.text, 0, len(steps))
    return Run([turn], steps, sum(step.latency for step in steps))
