"""A run, looked at by what is expected of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from agentlab.boundary import handling
from agentlab.offline import offline
from agentlab.scenarios.expectations import CheckContext, Expectation, check, of_turn
from agentlab.scenarios.models import Models
from agentlab.scenarios.recordings import Judgements, Take
from agentlab.scenarios.results import Failure, Run

Looked = tuple[list[Failure], Mapping[str, Any] | None]


def looked_at(take: Take, run: Run, *, once: bool) -> Looked:
    """What is not met, the turns' own expectations first, and the mutation score if one is asked.

    ``once`` says that a call to a model which is not recorded may be made and recorded.

    Raises:
        Diverged: an expectation asks a model what was not recorded.
        ScenarioError: something cannot be decided.
    """
    case = take.case
    expectations: dict[int | None, Expectation] = {
        index: expectation
        for index, (_, expectation) in enumerate(case.turns)
        if expectation is not None
    }
    if case.expect is not None:
        expectations[None] = case.expect
    models = Models(case.file.project, case.file.entry.models)
    context = CheckContext(
        project=case.file.project,
        model=lambda name: models.get(name or case.model),
        prices=case.file.entry.prices,
    )
    found: list[Failure] = []
    mutation: Mapping[str, Any] | None = None
    with _asking(Judgements.of(take, once=once)):
        for turn, expectation in expectations.items():
            part = run if turn is None else of_turn(run, turn)
            found += check(expectation, part, context)
        least = case.file.entry.min_kill
        if least is not None and not found:
            mutation = _scored(expectations, run, context)
            found += _too_few(mutation, least)
    return found, mutation


@contextmanager
def _asking(judgements: Judgements) -> Iterator[None]:
    """The block's calls to models are answered from the judgements, or recorded there."""
    tape = judgements.tape
    with ExitStack() as stack:
        if tape.mode == "none":
            stack.enter_context(offline())
        stack.enter_context(handling(tape))
        yield
    if tape.fatal is not None:
        raise tape.fatal
    if tape.live_calls and tape.mode in ("all", "new"):
        judgements.keep(tape.recording())


def _scored(
    expectations: Mapping[int | None, Expectation], run: Run, context: CheckContext
) -> Mapping[str, Any]:
    from agentlab.scenarios.mutation import score

    return score(expectations, run, context).as_dict()


def _too_few(mutation: Mapping[str, Any], least: float) -> list[Failure]:
    score = mutation["score"]
    if score is None or score >= least:
        return []
    got = f"{score:.2f}: {mutation['survived']} changes went unnoticed"
    return [Failure("min_kill", f"a mutation score of {least:g}", got)]
