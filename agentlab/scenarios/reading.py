"""Reading scenario files: every mistake is told with file, line, column and the nearest name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from agentlab._yaml import Located, Mark, nearest, place_of, read_yaml
from agentlab.errors import ScenarioError
from agentlab.scenarios import schema
from agentlab.scenarios.expectations import Expectation, ExpectationError, compile_expect
from agentlab.scenarios.schema import FileEntry, ScenarioEntry

SUFFIXES = (".yaml", ".yml")
_HEAD = 4096  # bytes in which a scenario file must say what it is
Loc = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario of a file. ``turns`` are the expectations of its turns."""

    entry: ScenarioEntry
    line: int
    expect: Expectation | None
    turns: Sequence[Expectation | None]


@dataclass(frozen=True, slots=True)
class ScenarioFile:
    """A file that was read. ``project`` is the folder of its modules, models and schemas.

    ``name`` is its path, as short as it can be said.
    """

    name: str
    path: Path
    project: Path
    entry: FileEntry
    scenarios: Mapping[str, Scenario]


def shown(path: Path) -> str:
    """``path`` relative to the current folder where it is below it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def find_files(paths: Iterable[str | Path]) -> list[Path]:
    """The scenario files among ``paths``: those given, and all in the folders given, by name.

    Raises:
        ScenarioError: there is no such file or folder, or a file given is no scenario file.
    """
    found: list[Path] = []
    for given in paths:
        path = Path(given)
        if path.is_dir():
            inside = (p for p in path.rglob("*") if p.suffix in SUFFIXES and p.is_file())
            found += sorted(p for p in inside if is_scenario_file(p))
        elif not path.is_file():
            raise ScenarioError(
                f"there is no file or folder {str(path)!r}",
                hint="give files or folders with scenarios, e.g. scenarios/chains.yaml",
            )
        elif not is_scenario_file(path):
            raise ScenarioError(
                f"{shown(path)} is no scenario file", hint="its first key has to be `agentlab: 1`"
            )
        else:
            found.append(path)
    return list({path.resolve(): path for path in found}.values())


def is_scenario_file(path: Path) -> bool:
    """Whether the first key of ``path`` is ``agentlab``."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    for line in head.removeprefix(b"\xef\xbb\xbf").splitlines():
        bare = line.strip()
        if bare and not bare.startswith((b"#", b"---", b"%")):
            return bare.startswith(b"agentlab:")
    return False


def project_of(path: Path) -> Path:
    """The project that a scenario file belongs to.

    ``AGENTLAB_PROJECT``, or the nearest folder upwards with an ``agentlab.toml``, or the one that
    holds the folder ``scenarios``, or the file's own.
    """
    named = os.environ.get("AGENTLAB_PROJECT")
    file = path.resolve()
    if named and file.is_relative_to(Path(named).expanduser().resolve()):
        return Path(named).expanduser().resolve()
    for folder in file.parents:
        if (folder / "agentlab.toml").is_file():
            return folder
    for folder in file.parents:
        if folder.name == "scenarios":
            return folder.parent
    return file.parent


def read_file(path: Path) -> ScenarioFile:
    """Read a scenario file and compile its expectations. No code of the project is imported.

    Raises:
        ScenarioError: names file, line and column of the first mistake.
    """
    name = shown(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{name}: not UTF-8 text, at byte {error.start}") from error
    except OSError as error:
        raise ScenarioError(f"cannot read {name}: {error.strerror}") from error
    return parse_file(text, path)


def parse_file(text: str, path: Path) -> ScenarioFile:
    """The scenario file that ``text`` is, or would be, at ``path``.

    Raises:
        ScenarioError: as :func:`read_file`.
    """
    name = shown(path)
    raw = read_yaml(text, name, error=ScenarioError)
    if not isinstance(raw, Located):
        raise ScenarioError(
            f"{name}:1:1: expected a mapping that begins with `agentlab: 1`",
            hint="see docs/scenarios.md, or agentlab schema",
        )
    try:
        entry = FileEntry.model_validate(raw)
    except ValidationError as error:
        raise _first(error, raw, name) from error
    project = project_of(path)
    scenarios = _Reader(name, raw, entry, project).scenarios()
    return ScenarioFile(name, path, project, entry, scenarios)


@dataclass(frozen=True, slots=True)
class _Reader:
    name: str
    raw: Located
    entry: FileEntry
    project: Path

    def scenarios(self) -> dict[str, Scenario]:
        found: dict[str, Scenario] = {}
        for index, entry in enumerate(self.entry.scenarios):
            loc: Loc = ("scenarios", index)
            if entry.id in found:
                raise self._wrong(
                    (*loc, "id"),
                    f"the id {entry.id!r} is there twice, first in line {found[entry.id].line}",
                )
            self._check(entry, loc)
            found[entry.id] = Scenario(
                entry,
                place_of(self.raw, loc).line,
                self._expect(loc, entry.expect, "expect"),
                [
                    self._expect((*loc, "turns", n), turn.expect, f"turns[{n}].expect")
                    for n, turn in enumerate(entry.turns or ())
                ],
            )
        for index, entry in enumerate(self.entry.scenarios):
            if entry.fork and entry.fork.of not in found:
                loc = ("scenarios", index, "fork", "of")
                told = nearest(entry.fork.of, found)
                raise self._wrong(loc, f"there is no scenario {entry.fork.of!r} here{told}")
        return found

    def _expect(self, loc: Loc, raw: Any, where: str) -> Expectation | None:
        if raw is None:
            return None
        try:
            return compile_expect(raw, where, project=self.project)
        except ExpectationError as error:
            known = (*loc, "expect", *error.keys)
            raise self._wrong(
                known, str(error), error.hint, of_key="unknown key" in str(error)
            ) from error

    def _check(self, entry: ScenarioEntry, loc: Loc) -> None:
        for kind in ("agent", "rag"):
            name = getattr(entry, kind)
            if name is not None and ":" not in name:
                raise self._wrong((*loc, kind), f"expected module:attribute, not {name!r}")
        self._check_model(entry.model, (*loc, "model"))
        for key, values in (entry.matrix or {}).items():
            if key == "model":
                for index, value in enumerate(values):
                    self._matrix_model(value, (*loc, "matrix", key, index))
            elif key == "memory" and not all(isinstance(v, str) for v in values):
                raise self._wrong((*loc, "matrix", key), "a memory is a text such as window:4")

    def _matrix_model(self, value: Any, loc: Loc) -> None:
        if isinstance(value, Mapping):
            try:
                schema.ModelEntry.model_validate(value)
            except ValidationError as error:
                raise _first(error, self.raw, self.name, loc) from error
        elif not isinstance(value, str):
            raise self._wrong(loc, "a model is a name under `models`, a spec or a mapping")
        else:
            self._check_model(value, loc)

    def _check_model(self, model: Any, loc: Loc) -> None:
        known = self.entry.models
        if (
            isinstance(model, str)
            and model not in known
            and ":" not in model
            and model != "smollm2"
        ):
            hint = f"there are {', '.join(known)}" if known else "name it under models:"
            raise self._wrong(
                loc, f"there is no model {model!r}{nearest(model, [*known, 'smollm2'])}", hint
            )

    def _wrong(
        self, loc: Loc, message: str, hint: str = "", *, of_key: bool = False
    ) -> ScenarioError:
        mark = place_of(self.raw, loc, of_key=of_key)
        return ScenarioError(f"{self.name}:{mark.line}:{mark.column}: {message}", hint=hint)


# What a text of a certain form has to be.
_FORMS = {
    "at": "model, tool:NAME, retriever, embed or rerank, and #2 for the second call",
    "id": "letters, digits, dots, dashes and underscores",
    "delay": "a time such as 3s or 250ms",
}
# Which model a mapping under this key is, for the names of its keys.
_MODELS: dict[str, type[BaseModel]] = {
    "scenarios": schema.ScenarioEntry,
    "turns": schema.TurnEntry,
    "faults": schema.Fault,
    "inject": schema.Inject,
    "freeze": schema.FreezeEntry,
    "repeat": schema.Repeat,
    "fork": schema.ForkEntry,
    "tools": schema.Stub,
}


def _first(error: ValidationError, raw: Located, name: str, start: Loc = ()) -> ScenarioError:
    """The mistake that stands first in the file."""
    told = [_told(e, raw, start) for e in _of_branches(error.errors(include_url=False))]
    mark, message = min(told, key=lambda pair: pair[0])
    return ScenarioError(
        f"{name}:{mark.line}:{mark.column}: {message}", hint="see docs/scenarios.md"
    )


def _of_branches(errors: list[Any]) -> Iterator[Any]:
    """Of a value that may be a text or a mapping, only the errors of what it is."""
    for error in errors:
        text_wanted = error["type"] == "string_type" and isinstance(error["input"], Mapping)
        others = [e for e in errors if e is not error and e["loc"][:-1] == error["loc"][:-1]]
        others += [e for e in errors if e["loc"][: len(error["loc"]) - 1] == error["loc"][:-1]]
        if not (text_wanted and any(e is not error for e in others)):
            yield error


def _told(error: Any, raw: Located, start: Loc) -> tuple[Mark, str]:
    loc: Loc = (*start, *error["loc"])
    kind, value = error["type"], error["input"]
    if kind == "extra_forbidden":
        key = str(loc[-1])
        known = _keys(loc[:-1])
        return place_of(raw, loc, of_key=True), f"unknown key `{key}`{nearest(key, known)}"
    mark = place_of(raw, loc)
    if kind == "missing":
        return mark, f"`{loc[-1]}` is missing"
    where = f"`{_path(loc)}`: " if loc else ""
    if kind == "literal_error":
        expected = error["ctx"]["expected"].replace("'", "")
        close = nearest(str(value), expected.replace(" or ", ", ").split(", "))
        return mark, f"{where}expected {expected}, not {value!r}{close}"
    if kind == "value_error":
        return mark, where + str(error["ctx"]["error"])
    if kind == "string_pattern_mismatch" and loc[-1] in _FORMS:
        return mark, f"{where}expected {_FORMS[str(loc[-1])]}, not {value!r}"
    if kind in ("string_type", "model_type") and "model" in str(loc):
        return mark, f"{where}expected a text or a mapping, not {value!r}"
    message = error["msg"][0].lower() + error["msg"][1:]
    message = message.replace("input should be", "expected").replace(" dictionary", " mapping")
    said = "" if isinstance(value, Mapping | list) else f", not {value!r}"
    return mark, f"{where}{message}{said}"[:400]


def _keys(loc: Loc) -> list[str]:
    names = [part for part in loc if part in _MODELS]
    model: type[BaseModel] = _MODELS[str(names[-1])] if names else FileEntry
    return [field.alias or name for name, field in model.model_fields.items()]


def _path(loc: Loc) -> str:
    kept = [
        p for p in loc if not (isinstance(p, str) and ("[" in p or "-" in p or p[:1].isupper()))
    ]
    text = ""
    for part in kept:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
