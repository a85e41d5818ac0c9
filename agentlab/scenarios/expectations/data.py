"""Matchers of data: json, schema, at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentlab.errors import ScenarioError
from agentlab.scenarios.expectations.base import (
    Check,
    CheckContext,
    Compiler,
    Matcher,
    Place,
    kind_of,
    wrong,
)
from agentlab.scenarios.expectations.diffs import shown, step
from agentlab.scenarios.expectations.jsonpaths import compile_path
from agentlab.scenarios.expectations.text import Equals
from agentlab.scenarios.results import Failure

_MOST_FAILURES = 10


class NotData(ValueError):
    """A text is not JSON."""


def as_data(value: Any) -> Any:
    """``value`` as JSON values; a text is read as JSON.

    Raises:
        NotData: the text is not JSON.
    """
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        told = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise NotData(f"the answer is not JSON: {told}") from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


@dataclass(frozen=True)
class OnData(Check[Any]):
    """``part`` of a value, or of the JSON that a text is."""

    place: Place
    part: Matcher

    def check(self, subject: Any, context: CheckContext) -> list[Failure]:
        try:
            data = as_data(subject)
        except NotData as error:
            return [Failure(str(self.place), str(self.part), shown(subject), str(error))]
        return self.part.check(data, context)

    def __str__(self) -> str:
        return str(self.part)

    def evidence(self, subject: Any) -> str:
        return self.part.evidence(as_data(subject))


@dataclass(frozen=True)
class Members(Check[Any]):
    """A mapping with exactly these members."""

    place: Place
    members: Mapping[str, Matcher]

    def check(self, subject: Any, context: CheckContext) -> list[Failure]:
        if not isinstance(subject, Mapping):
            message = f"expected a mapping, got {kind_of(subject)}"
            return [Failure(str(self.place), str(self), shown(subject), message)]
        found: list[Failure] = []
        for name, matcher in self.members.items():
            if name in subject:
                found += matcher.check(subject[name], context)
            else:
                found.append(_missing(matcher))
        for name in subject:
            if name not in self.members:
                path = str(self.place / name)
                message = f"{shown(name)} is not expected"
                got = shown(subject[name])
                found.append(Failure(path, "nothing", got, message, (("added", got),)))
        return found[:_MOST_FAILURES]

    def __str__(self) -> str:
        return "{" + ", ".join(f"{k}: {v}" for k, v in self.members.items()) + "}"

    def evidence(self, subject: Any) -> str:
        return shown(subject)


@dataclass(frozen=True)
class Items(Check[Any]):
    """A list with exactly these items, in order."""

    place: Place
    items: tuple[Matcher, ...]

    def check(self, subject: Any, context: CheckContext) -> list[Failure]:
        if not isinstance(subject, list | tuple):
            message = f"expected a list, got {kind_of(subject)}"
            return [Failure(str(self.place), str(self), shown(subject), message)]
        found: list[Failure] = []
        for matcher, item in zip(self.items, subject, strict=False):
            found += matcher.check(item, context)
        for matcher in self.items[len(subject) :]:
            found.append(_missing(matcher))
        for index in range(len(self.items), len(subject)):
            got = shown(subject[index])
            path = str(self.place / index)
            found.append(Failure(path, "nothing", got, "one too many", (("added", got),)))
            if len(found) >= _MOST_FAILURES:
                break
        return found[:_MOST_FAILURES]

    def __str__(self) -> str:
        return "[" + ", ".join(str(item) for item in self.items) + "]"

    def evidence(self, subject: Any) -> str:
        return shown(subject)


def _missing(matcher: Matcher) -> Failure:
    expected = str(matcher)
    return Failure(
        str(matcher.place), expected, "nothing", "it is missing", (("removed", expected),)
    )


@dataclass(frozen=True)
class At(Check[Any]):
    """All that a JSONPath selects, something at least, meets a matcher."""

    place: Place
    path: Any
    source: str
    matcher: Matcher

    def check(self, subject: Any, context: CheckContext) -> list[Failure]:
        values = self._values(subject)
        if not values:
            message = f"there is nothing at {self.source}"
            return [Failure(str(self.place), str(self.matcher), "nothing", message)]
        found: list[Failure] = []
        for where, value in values:
            for failure in self.matcher.check(value, context):
                told = failure.message
                if len(values) > 1 and context.explain:
                    told = f"at {where}" + (f": {told}" if told else "")
                found.append(
                    Failure(failure.path, failure.expected, failure.got, told, failure.diff)
                )
            if len(found) >= _MOST_FAILURES:
                break
        return found

    def _values(self, subject: Any) -> list[tuple[str, Any]]:
        from jsonpath import JSONPathError

        if not isinstance(subject, Mapping | list):  # a scalar: the root is all there is
            return [("$", subject)] if self.source == "$" else []
        try:
            return [(match.path, match.obj) for match in self.path.finditer(subject)]
        except (JSONPathError, RecursionError, TimeoutError) as error:
            told = str(error) or "it is nested too deeply"
            raise ScenarioError(
                f"{self.place}: {self.source} cannot be followed: {told}"
            ) from error

    def __str__(self) -> str:
        return f"at {self.source}: {self.matcher}"

    def evidence(self, subject: Any) -> str:
        return f"{self.source} is {shown([value for _, value in self._values(subject)])}"


@dataclass(frozen=True)
class Schema(Check[Any]):
    """A value fits a JSON schema."""

    place: Place
    validator: Any
    name: str

    def check(self, subject: Any, context: CheckContext) -> list[Failure]:
        found: list[Failure] = []
        try:
            for error in self.validator.iter_errors(subject):
                where = "$"
                for part in error.absolute_path:
                    where = f"{where}[{part}]" if isinstance(part, int) else step(where, part)
                expected = f"{error.validator}: {shown(error.validator_value, 120)}"
                message = f"{where}: {_told(error.message)}"
                found.append(Failure(str(self.place), expected, shown(error.instance), message))
                if len(found) >= _MOST_FAILURES:
                    break
        except RecursionError:
            message = "the value is nested too deeply"
            return [Failure(str(self.place), str(self), shown(subject), message)]
        except TimeoutError as error:
            raise ScenarioError(f"{self.place}: a pattern of the schema took too long") from error
        return found

    def __str__(self) -> str:
        return f"fits {self.name}"

    def evidence(self, subject: Any) -> str:
        return shown(subject)


def _told(message: str) -> str:
    return message if len(message) <= 200 else message[:199] + "…"


def compile_json(raw: Any, place: Place, compiler: Compiler) -> Matcher:
    """``json: value``, exactly; a mapping of matchers may stand inside for any value."""
    return OnData(place, shape(raw, place, compiler, root=True))


def shape(raw: Any, place: Place, compiler: Compiler, *, root: bool = False) -> Matcher:
    """``raw`` exactly, but mappings of matchers in it match. At its ``root`` a mapping is data."""
    if isinstance(raw, Mapping):
        if not root and compiler.is_matcher(raw):
            return compiler.matcher(raw, place)
        members = {str(k): shape(v, place / str(k), compiler) for k, v in raw.items()}
        return Members(place, members)
    if isinstance(raw, list):
        return Items(place, tuple(shape(v, place / i, compiler) for i, v in enumerate(raw)))
    return Equals(place, raw)


def compile_at(raw: Any, place: Place, compiler: Compiler) -> list[Matcher]:
    """``at: {jsonpath: matcher, …}``."""
    if not isinstance(raw, Mapping) or not raw:
        raise wrong(place, f"expected a mapping of JSONPaths, got {kind_of(raw)}")
    found: list[Matcher] = []
    for source, value in raw.items():
        where = place / str(source)
        if not isinstance(source, str) or not source.startswith("$"):
            raise wrong(where, "a JSONPath starts with $", f"write $.{source}")
        try:
            path = compile_path(source)
        except ValueError as error:
            raise wrong(where, f"not a JSONPath: {error}") from error
        found.append(OnData(where, At(where, path, source, compiler.matcher(value, where))))
    return found


def compile_schema(raw: Any, place: Place, compiler: Compiler) -> Matcher:
    """``schema: file.json`` in the project, or a JSON schema itself."""
    from agentlab.scenarios.expectations.schemas import validator_of

    name = "the schema"
    if isinstance(raw, str):
        name, raw = raw, _read_schema(raw, place, compiler.project)
    if not isinstance(raw, Mapping | bool):
        raise wrong(place, f"expected a JSON schema or the name of its file, got {kind_of(raw)}")
    return OnData(place, Schema(place, validator_of(raw, place), name))


def _read_schema(name: str, place: Place, project: Path) -> Any:
    root = project.resolve()
    file = (root / name).resolve()
    if not file.is_relative_to(root):
        raise wrong(place, f"the schema file {name!r} is outside the project {root}")
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise wrong(
            place,
            f"the schema file {name!r} cannot be read: {error.strerror}",
            f"paths start at the project, {root}",
        ) from error
    except (ValueError, RecursionError) as error:
        raise wrong(place, f"the schema file {name!r} is not JSON: {error}") from error
