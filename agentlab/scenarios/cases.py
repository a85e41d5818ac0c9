"""From scenarios to cases: one for each cell of a matrix and each repetition, in a fixed order."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agentlab.errors import ScenarioError
from agentlab.scenarios.expectations import Expectation
from agentlab.scenarios.reading import Scenario, ScenarioFile
from agentlab.scenarios.schema import Fault, FreezeEntry, Mode, ModelEntry, ScenarioEntry

Turn = tuple[str, Expectation | None]


@dataclass(frozen=True, slots=True)
class Case:
    """One run to make: a scenario with its matrix parameters filled in.

    ``kind`` and ``target`` are those of the scenario that a fork comes from. ``turns`` are
    (what the user says, what is expected of the answer); without them the target is given
    ``input``. ``tools`` are a chat's. ``streams`` says that its chunks are looked at.
    ``parameters`` go to every model.
    ``parent`` and ``at`` say where a fork begins.
    """

    file: ScenarioFile
    id: str
    line: int
    kind: str
    target: str
    model: str | ModelEntry | None
    memory: str | None
    system: str | None
    tools: Sequence[str]
    input: Any
    turns: Sequence[Turn]
    expect: Expectation | None
    faults: Sequence[Fault]
    freeze: FreezeEntry | None
    record: Mode | None
    tags: Sequence[str]
    skip: str
    warns: bool
    streams: bool
    cell: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    repetition: int = 1
    repetitions: int = 1
    needed: int = 1
    parent: Case | None = None
    at: str = ""

    @property
    def params(self) -> dict[str, Any]:
        """What tells it from the other cases of its scenario."""
        more = {"repeat": self.repetition} if self.repetitions > 1 else {}
        return {**self.cell, **more}

    @property
    def name(self) -> str:
        """Its id with its parameters, as :attr:`ScenarioResult.name` gives it."""
        inside = ",".join(f"{key}={value}" for key, value in self.params.items())
        return f"{self.id}[{inside}]" if inside else self.id

    @property
    def parent_name(self) -> str:
        """The name of the case that a fork branches from."""
        return self.parent.name if self.parent is not None else ""

    @property
    def cassette(self) -> Path:
        """Where its recording is."""
        parts = [self.id, *(_file_part(f"{k}={v}") for k, v in self.cell.items())]
        if self.repetition > 1:
            parts.append(str(self.repetition))
        return _cassettes(self.file.path, self.file.entry.cassettes) / f"{'~'.join(parts)}.jsonl"


@functools.lru_cache(maxsize=256)
def _cassettes(path: Path, folder: str) -> Path:
    """The folder of the recordings of a file of scenarios."""
    return path.parent / folder / path.stem


def _file_part(text: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9=._-]", "_", text)
    if plain == text and len(text) <= 60:
        return text
    return f"{plain[:60]}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def cases_of(file: ScenarioFile) -> list[Case]:
    """All cases of ``file``, in the order of the file.

    Raises:
        ScenarioError: forks go round in a circle, or a fork's target cannot be branched so.
    """
    return [case for s in file.scenarios.values() for case in _cases(file, s, ())]


def _cases(file: ScenarioFile, scenario: Scenario, seen: tuple[str, ...]) -> Iterator[Case]:
    entry = scenario.entry
    repeat = entry.repeat
    count = repeat.n if repeat else 1
    needed = (repeat.passes or count) if repeat else 1
    for base in _bases(file, scenario, seen):
        for cell in _cells(entry.matrix):
            case = _filled(base, cell)
            for number in range(1, count + 1):
                yield replace(case, repetition=number, repetitions=count, needed=needed)


def _bases(file: ScenarioFile, scenario: Scenario, seen: tuple[str, ...]) -> Iterator[Case]:
    entry = scenario.entry
    own = entry.model_fields_set
    turns = [(t.user, e) for t, e in zip(entry.turns or (), scenario.turns, strict=True)]
    known: dict[str, Any] = {
        "id": entry.id,
        "line": scenario.line,
        "expect": scenario.expect,
        "faults": entry.faults,
        "record": entry.record or file.entry.record,
        "tags": tuple(entry.tags),
        "skip": entry.skip if isinstance(entry.skip, str) else "skipped" if entry.skip else "",
        "warns": entry.level == "warn",
        "streams": _mentions(entry.expect, "stream"),
    }
    if entry.fork is None:
        yield Case(
            file=file,
            kind=entry.target,
            target=getattr(entry, entry.target),
            model=entry.model,
            memory=entry.memory,
            system=entry.system,
            tools=tuple(entry.tools or ()),
            input=entry.input,
            turns=turns,
            freeze=entry.freeze or file.entry.freeze,
            **known,
        )
        return
    if entry.id in seen:
        raise _wrong(file, scenario.line, f"forks go round: {' -> '.join((*seen, entry.id))}")
    parents = _cases(file, file.scenarios[entry.fork.of], (*seen, entry.id))
    for parent in parents:
        changed: dict[str, Any] = {
            n: getattr(entry, n) for n in ("model", "memory", "system", "freeze") if n in own
        }
        changed |= _said(file, scenario, parent, turns)
        yield replace(
            parent, **known, **changed, repetition=1, repetitions=1, parent=parent, at=entry.fork.at
        )


def _mentions(expect: Any, name: str) -> bool:
    """Whether an expectation has ``name``, at its top or under ``any`` and ``not``."""
    if not isinstance(expect, Mapping):
        return False
    inner = [*expect.get("any", ()), expect.get("not")]
    return name in expect or any(_mentions(part, name) for part in inner)


def _said(
    file: ScenarioFile, scenario: Scenario, parent: Case, turns: Sequence[Turn]
) -> dict[str, Any]:
    """What a fork is given: what its parent is, with its own turns from the place of the branch."""
    entry: ScenarioEntry = scenario.entry
    assert entry.fork is not None
    kept = [(user, None) for user, _ in parent.turns]
    if not turns:
        return {"turns": kept} | ({"input": entry.input} if entry.input is not None else {})
    if not parent.turns or not entry.fork.at.startswith("turn#"):
        raise _wrong(file, scenario.line, "turns of a fork come after a turn of a chat: at: turn#2")
    return {"turns": [*kept[: int(entry.fork.at[5:]) - 1], *turns]}


def _wrong(file: ScenarioFile, line: int, message: str) -> ScenarioError:
    return ScenarioError(f"{file.name}:{line}: {message}")


def _cells(matrix: Mapping[str, Sequence[Any]] | None) -> Iterator[Mapping[str, Any]]:
    if not matrix:
        yield {}
        return
    for values in itertools.product(*matrix.values()):
        yield dict(zip(matrix, values, strict=True))


def _filled(case: Case, cell: Mapping[str, Any]) -> Case:
    """``case`` with the values of ``cell`` where they belong."""
    changed: dict[str, Any] = {}
    parameters = dict(case.parameters)
    given = case.input
    for name, value in cell.items():
        if name in ("memory", "system"):
            changed[name] = value
        elif name == "model":
            entry = isinstance(value, Mapping)
            changed[name] = ModelEntry.model_validate(value) if entry else value
        elif name == "input":
            given = value
        elif name.startswith("input."):
            given = {**(given if isinstance(given, Mapping) else {}), name[6:]: value}
        else:
            parameters[name] = value
    labels = {**case.cell, **{name: _label(value) for name, value in cell.items()}}
    return replace(case, **changed, input=given, parameters=parameters, cell=labels)


def _label(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
