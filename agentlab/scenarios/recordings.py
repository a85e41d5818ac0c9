"""The recording of a case: where it is, in which mode it is used, and how a fork shares one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from agentlab.errors import ScenarioError, StoreError
from agentlab.recording import Mode, Recording, Scrubber, Step, Tape, default_mode, load, save
from agentlab.recording.likelihood import LikelihoodHook
from agentlab.scenarios.cases import Case
from agentlab.scenarios.reading import shown

_KINDS = {"model": "model", "retriever": "retrieve", "embed": "embed", "rerank": "rerank"}


def mode_of(case: Case, wanted: Mode | None) -> Mode:
    """The mode that was asked for on the command line, or the file's; under CI always ``none``.

    ``once`` becomes ``none`` or ``all``, whichever it means now.
    """
    mode = wanted or ("none" if default_mode() == "none" else case.record or default_mode())
    if mode == "once":
        return "none" if case.cassette.exists() else "all"
    if mode in ("new", "verify") and not case.cassette.exists():
        return "all" if mode == "new" else "none"
    return mode


@dataclass(slots=True)
class Take:
    """A tape for one run of ``case``. ``prefix`` is the number of steps a fork shares."""

    case: Case
    mode: Mode
    tape: Tape
    scrubber: Scrubber
    prefix: list[Step] = field(default_factory=list)
    keeps: bool = True

    def keep(self, recording: Recording) -> None:
        """Write what was recorded; of a fork the tail. Nothing where this take keeps nothing.

        Raises:
            ScenarioError: a fork went its own way before the place it begins at.
            SecretFound, StoreError: it cannot be written.
        """
        if not self.keeps:
            return
        steps = recording.steps
        shared = [step.request.key for step in self.prefix]
        if [step.request.key for step in steps[: len(shared)]] != shared:
            raise ScenarioError(
                f"{self.case.name} leaves the recording of {self.case.parent_name} before "
                f"{self.case.at}, the place where it branches off",
                hint="branch off earlier, or give the fork the parent's input and models",
            )
        save(self.case.cassette, Recording(steps[len(shared) :], recording.meta), self.scrubber)


def open_take(
    case: Case,
    mode: Mode,
    *,
    recording: Recording | None = None,
    allow_effects: bool = False,
    likelihood: LikelihoodHook | None = None,
    keeps: bool = True,
) -> Take:
    """The tape for a run of ``case`` in ``mode`` (as :func:`mode_of` gives it).

    ``recording`` is used in the place of the one on disk.

    Raises:
        StoreError: there is no recording, or it cannot be read.
        ScenarioError: a fork's parent has no such step.
    """
    prefix = _prefix(case) if case.parent is not None else []
    old: Recording | None = None
    if mode in ("none", "new", "verify"):
        old = recording or _loaded(case)
        old = Recording([*prefix, *old.steps], old.meta)
    elif prefix:
        old = Recording(list(prefix), {})
    scrubber = Scrubber(case.file.entry.redact)
    fresh_tail = mode == "all" and case.parent is not None
    tape = Tape(
        old,
        mode="new" if fresh_tail else mode,
        scrubber=scrubber,
        live_tools=live_tools(case),
        allow_effects=allow_effects or fresh_tail,
        likelihood=likelihood,
    )
    if old is not None:
        tape.meta.update(old.meta)
    return Take(case, mode, tape, scrubber, prefix, keeps)


def live_tools(case: Case) -> list[str]:
    """The tools that run for real and are not recorded."""
    return [name for name, how in case.file.entry.tools.items() if how == "run"]


def full_recording(case: Case) -> Recording:
    """The recording of ``case`` from its first step; of a fork with what it shares.

    Raises:
        StoreError: it is not there, or cannot be read.
    """
    own = _loaded(case)
    return Recording([*_prefix(case), *own.steps], own.meta) if case.parent else own


def _loaded(case: Case) -> Recording:
    try:
        return load(case.cassette)
    except StoreError as error:
        if case.cassette.exists():
            raise
        raise StoreError(
            f"there is no recording {shown(case.cassette)}",
            hint="record it: agentlab test --record once",
        ) from error


def _prefix(case: Case) -> list[Step]:
    """The steps that a fork shares with its parent."""
    assert case.parent is not None
    whole = full_recording(case.parent)
    return whole.steps[: _branch(case, whole)]


def _branch(case: Case, whole: Recording) -> int:
    """The index of the parent's step in whose place the fork goes on."""
    place, _, digits = case.at.partition("#")
    number = int(digits or 1)
    count = len(whole.steps)
    found: list[int]
    if place == "step":
        found = list(range(count))
    elif place == "turn":
        ends = whole.meta.get("turns", [])
        found = [0, *ends[:-1]] if isinstance(ends, list) else []
    elif place.startswith("tool:"):
        name = place.removeprefix("tool:")
        found = [i for i, s in enumerate(whole.steps) if s.kind == "tool" and s.target == name]
    else:
        found = [i for i, s in enumerate(whole.steps) if s.kind == _KINDS[place]]
    if number > len(found):
        raise ScenarioError(
            f"{case.file.name}:{case.line}: {case.parent_name} has {len(found)} steps like "
            f"{place!r}, so none to branch at {case.at}"
        )
    return int(found[number - 1])


@dataclass(slots=True)
class Judgements:
    """The calls that expectations make to models, in a recording of their own.

    So a new expectation does not make the run another one. What is recorded and not asked for any
    more does no harm.
    """

    path: Path
    tape: Tape
    scrubber: Scrubber
    keeps: bool = True

    @classmethod
    def of(cls, take: Take, *, once: bool) -> Judgements:
        """For the run of ``take``; ``once`` says that what is not recorded may be recorded."""
        path = take.case.cassette.with_suffix(".checks.jsonl")
        mode, scrubber = take.mode, take.scrubber
        if mode == "all":
            return cls(path, Tape(None, mode="all", scrubber=scrubber), scrubber, take.keeps)
        old = load(path) if path.exists() else Recording()
        tape = Tape(old, mode="new" if once or mode == "new" else mode, scrubber=scrubber)
        return cls(path, tape, scrubber, take.keeps)

    def keep(self, recording: Recording) -> None:
        """Write what was recorded, if anything was."""
        if recording.steps and self.keeps:
            save(self.path, recording, self.scrubber)
