"""Taking a drift on: the recorded answers stay, the requests become today's."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentlab.boundary import Call
from agentlab.errors import Diverged, ScenarioError
from agentlab.recording import Drift, Likelihood, Recording, Request, Scrubber, Step, load, save
from agentlab.recording.likelihood import model_likelihood
from agentlab.recording.requests import Reader
from agentlab.scenarios.cases import Case
from agentlab.scenarios.running import Options, perform, project
from agentlab.scenarios.suite import Choice, find_groups

_NO_ANSWER = ("different call", "call not recorded", "call not made")


@dataclass(frozen=True, slots=True)
class Accepted:
    """What was taken on in one recording: the drifts, first to last. Empty where there was none."""

    case: Case
    drifts: tuple[Drift, ...]


def accept(name: str, paths: Iterable[str | Path]) -> list[Accepted]:
    """Take on the drift of the scenario ``name`` (its id, or with parameters, ``id[model=x]``).

    Of every divergent model call the recorded answer is kept as the answer to today's request, and
    the header of the recording says so. Nothing is written unless the whole run then replays.

    Raises:
        ScenarioError: there is no such scenario; or a step needs a new answer: another model, a
            tool called with other arguments, a call more or less.
    """
    groups = find_groups(paths, Choice())
    cases = [case for group in groups for case in group if name in (case.id, case.name)]
    if not cases:
        from agentlab._yaml import nearest

        known = sorted({case.id for group in groups for case in group})
        raise ScenarioError(f"there is no scenario {name!r}{nearest(name, known)}")
    return [_accept(case) for case in cases]


class _Noticing:
    """Given to a tape as its likelihood hook: keeps the call that diverged."""

    def __init__(self) -> None:
        self.call: Call | None = None

    def __call__(self, call: Call, message: Any) -> Likelihood | None:
        self.call = call
        return model_likelihood(call, message)


def _accept(case: Case) -> Accepted:
    recording = load(case.cassette)
    scrubber = Scrubber(case.file.entry.redact)
    drifts: list[Drift] = []
    with project(case.file.project):
        while True:
            noticing = _Noticing()
            made = perform(case, "none", Options(), recording=recording, likelihood=noticing)
            if made.error is None:
                break
            drift = made.error.drift if isinstance(made.error, Diverged) else None
            if not isinstance(drift, Drift):
                raise ScenarioError(f"{case.name} cannot be accepted: {made.error}")
            step = drift.step - 1 - len(made.take.prefix)
            _refuse(case, drift, step, noticing.call)
            assert noticing.call is not None
            request, _ = Reader(scrubber).read(noticing.call)
            recording.steps[step] = _rekeyed(recording.steps[step], request, drift.likelihood)
            drifts.append(drift)
    if drifts:
        before = recording.meta.get("accepted", [])
        told = [{"step": drift.step, "what": drift.what} for drift in drifts]
        meta = {**recording.meta, "accepted": [*before, *told]}
        save(case.cassette, Recording(recording.steps, meta), scrubber)
    return Accepted(case, tuple(drifts))


def _rekeyed(step: Step, request: Request, likelihood: Likelihood | None) -> Step:
    """The recorded step under today's request. Replay knows no file's sum, so that stays."""
    likely = likelihood.kept if likelihood is not None else None
    identity = {**step.request.identity, **request.identity}
    request = Request.of(request.kind, request.target, request.messages, request.parts, identity)
    return dataclasses.replace(step, request=request, likelihood=likely)


def _refuse(case: Case, drift: Drift, step: int, call: Call | None) -> None:
    """Raises where the recorded answer can be no answer to today's request."""
    changes = {change.what for change in drift.changes}
    why = ""
    if step < 0:
        why = f"that is a step of {case.parent_name}: accept it there"
    elif changes & set(_NO_ANSWER):
        why = drift.what
    elif "model identity" in changes:
        why = "another model would answer, and nobody has asked it"
    elif drift.kind != "model" or call is None:
        why = f"{drift.what}: what it would return now is not known"
    if why:
        raise ScenarioError(
            f"{case.name} cannot be accepted, step {drift.step} of {drift.of} "
            f"({drift.kind} {drift.target}) needs a new call: {why}",
            hint=f"record from there: agentlab test {case.file.name}::{case.id} --record new",
        )
