"""One case, run under its tape and looked at."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agentlab.boundary import Handler, handling
from agentlab.errors import AgentLabError, Diverged
from agentlab.recording import Drift, Freeze, Mode, Recording, Step, Tape, default_mode
from agentlab.recording.likelihood import LikelihoodHook, model_likelihood
from agentlab.recording.use import running
from agentlab.scenarios.cases import Case
from agentlab.scenarios.checking import looked_at
from agentlab.scenarios.faults import Faults
from agentlab.scenarios.models import Models
from agentlab.scenarios.recordings import Take, live_tools, mode_of, open_take
from agentlab.scenarios.results import GoneOn, Run, ScenarioResult, Status, TurnRun
from agentlab.scenarios.schema import Fault, Stub
from agentlab.scenarios.targets import Target


@dataclass(frozen=True, slots=True)
class Options:
    """How scenarios are run.

    ``record`` and ``model`` stand over what the files say. ``allow_effects`` lets tools with side
    effects run again in mode ``new``.
    """

    record: Mode | None = None
    model: str | None = None
    allow_effects: bool = False


@dataclass(slots=True)
class Performance:
    """What happened in one run: the turns as far as they came, and how it ended."""

    take: Take
    faults: Faults
    witness: Tape | None
    turns: list[TurnRun] = field(default_factory=list)
    error: Exception | None = None

    @property
    def steps(self) -> Sequence[Step]:
        """The calls as the code under test saw them."""
        if self.witness is None:
            return self.take.tape.steps
        return [step for step in self.witness.steps if step.kind != "clock"]

    @property
    def position(self) -> int:
        """How many there are."""
        return self.take.tape.made if self.witness is None else len(self.steps)

    @property
    def run(self) -> Run:
        """The run, for expectations and reports."""
        return Run(self.turns, self.steps, self.take.tape.seconds + self.faults.seconds)


def run_case(case: Case, options: Options | None = None) -> ScenarioResult:
    """Run ``case`` and say what came of it. What is wrong with it is told in the result."""
    options = options or Options()
    base = ScenarioResult(
        case.id, case.file.name, case.line, "skipped", params=case.params, tags=case.tags,
        redact=case.file.entry.redact,
    )  # fmt: skip
    if case.skip:
        return replace(base, hint="" if case.skip == "skipped" else case.skip)
    if options.model is not None:
        case = replace(case, model=options.model)
    began = time.process_time()
    mode = mode_of(case, options.record)
    base = replace(base, mode=mode)
    with project(case.file.project):
        try:
            made = perform(case, mode, options)
        except AgentLabError as error:  # there is no recording, or none that can be read
            result = replace(base, status="error", error=str(error), hint=error.hint)
        else:
            result = _result(base, case, made, options)
    return replace(result, cpu_seconds=time.process_time() - began)


@contextmanager
def project(folder: Path) -> Iterator[None]:
    """Have prompts, tools and settings come from the project in ``folder``, for the block."""
    before = os.environ.get("AGENTLAB_PROJECT")
    if before is None:
        os.environ["AGENTLAB_PROJECT"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("AGENTLAB_PROJECT", None)


def perform(
    case: Case,
    mode: Mode,
    options: Options,
    *,
    recording: Recording | None = None,
    likelihood: LikelihoodHook | None = None,
    keeps: bool = True,
) -> Performance:
    """Run ``case`` under its tape, or under one for ``recording``. ``keeps``: write what is new.

    Raises:
        StoreError: there is no recording, or it cannot be read.
        ScenarioError: a fork's parent has no such step.
    """
    if (
        likelihood is None
        and case.file.entry.on_drift != "fail"
        and keeps
        and not _forbidden(case, options)
    ):
        likelihood = model_likelihood
    take = open_take(
        case,
        mode,
        recording=recording,
        allow_effects=options.allow_effects,
        likelihood=likelihood,
        keeps=keeps,
    )
    tape = take.tape
    faults = Faults([*case.faults, *_stubs(case)], live_tools(case))
    seen = bool(case.faults) or any(how != "replay" for how in case.file.entry.tools.values())
    witness = Tape(None, mode="all", scrubber=take.scrubber) if seen else None
    made = Performance(take, faults, witness)
    models = Models(case.file.project, case.file.entry.models, case.parameters)
    target = Target(case, models, lambda: made.position)
    outer: list[Handler] = [witness, faults] if witness is not None else []
    if case.freeze is not None:
        outer.append(Freeze(case.freeze.time, case.freeze.uuid, case.freeze.random))
    try:
        with ExitStack() as stack:
            stack.enter_context(handling(*outer))
            stack.enter_context(running(tape, take.keep))
            try:
                target.run(made.turns)
            finally:
                if len(made.turns) > 1:  # where a fork may branch off
                    tape.meta["turns"] = [turn.last for turn in made.turns]
    except Exception as error:  # noqa: BLE001 - told in the result
        made.error = error
    return made


def _stubs(case: Case) -> list[Fault]:
    values = {
        name: how.stub if isinstance(how, Stub) else ""
        for name, how in case.file.entry.tools.items()
        if isinstance(how, Stub) or how == "stub"
    }
    return [
        Fault.model_validate({"at": f"tool:{name}", "return": value, "times": "always"})
        for name, value in values.items()
    ]


def _forbidden(case: Case, options: Options) -> bool:
    """Whether mode ``none`` was asked for, so that no model may be loaded at all."""
    return (options.record or case.record or default_mode()) == "none"


def _result(
    base: ScenarioResult, case: Case, made: Performance, options: Options
) -> ScenarioResult:
    tape, error = made.take.tape, made.error
    drift = tape.drift if isinstance(error, Diverged) else None
    run = made.run
    result = replace(
        base,
        outcomes=tape.outcomes(),
        run=run,
        replayed_calls=tape.replayed_calls,
        live_calls=tape.live_calls,
    )
    if isinstance(error, Diverged):
        drift = error.drift if isinstance(error.drift, Drift) else drift
        now = None
        if base.mode == "none" and case.file.entry.on_drift == "live":
            now = None if _forbidden(case, options) else _gone_on(case, options)
        return replace(result, status="drift", drift=drift, now=now, hint=error.hint)
    if error is not None:
        return replace(result, status="error", **told(error))
    try:
        failures, mutation = looked_at(made.take, run, once=_once(case, options))
    except AgentLabError as wrong:
        return replace(result, status="error", **told(wrong))
    failures = [*made.faults.unused(), *failures]
    result = replace(result, mutation=mutation)
    if failures and case.warns:
        return replace(result, status="passed", warnings=failures)
    status: Status = "failed" if failures else "passed"
    if not failures and tape.live_calls and tape.mode in ("all", "new"):
        status = "recorded"
    return replace(result, status=status, failures=failures)


def _gone_on(case: Case, options: Options) -> GoneOn:
    """The run again, answered by models and tools from the divergence on; nothing is written."""
    made = perform(case, "new", options, keeps=False)
    found = GoneOn(made.run.text, live_calls=made.take.tape.live_calls)
    try:
        if made.error is not None:
            raise made.error
        failures, _ = looked_at(made.take, made.run, once=True)
    except Exception as error:  # noqa: BLE001 - told in the result
        return replace(found, error=told(error)["error"])
    return replace(found, failures=failures)


def told(error: Exception) -> dict[str, Any]:
    """An error as a sentence and a hint."""
    if isinstance(error, AgentLabError):
        return {"error": str(error), "hint": error.hint}
    return {"error": f"{type(error).__name__}: {error}", "hint": "the target raised it"}


def _once(case: Case, options: Options) -> bool:
    """Whether what an expectation asks of a model may be recorded, where it is not there yet."""
    return default_mode() != "none" and (options.record or case.record or "once") == "once"
