"""From what stands under ``expect:`` to checks, and its JSON schema for editors."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from agentlab.scenarios.expectations import numbers, text
from agentlab.scenarios.expectations.base import (
    All,
    AnyOf,
    Check,
    CheckContext,
    Compiler,
    Expectation,
    Matcher,
    Not,
    Place,
    kind_of,
    unknown_key,
    wrong,
)
from agentlab.scenarios.expectations.subjects import OnAnswer, OnText
from agentlab.scenarios.results import Failure, Run

Compile = Callable[[Any, Place, Compiler], Any]


def _late(module: str, name: str) -> Compile:
    """The function ``name`` of a module here that is imported only where a file needs it."""

    def compiled(raw: Any, place: Place, compiler: Compiler) -> Any:
        found = importlib.import_module(f"agentlab.scenarios.expectations.{module}")
        return getattr(found, name)(raw, place, compiler)

    return compiled


TEXT: dict[str, Compile] = {
    "equals": text.compile_equals,
    "contains": partial(text.compile_contains, how="contains"),
    "icontains": partial(text.compile_contains, how="icontains"),
    "startswith": partial(text.compile_contains, how="startswith"),
    "regex": text.compile_regex,
    "lines": text.compile_lines,
}
DATA: dict[str, Compile] = {
    "json": _late("data", "compile_json"),
    "schema": _late("data", "compile_schema"),
    "at": _late("data", "compile_at"),
}
NUMBER: dict[str, Compile] = {
    "min": partial(numbers.compile_bound, least=True),
    "max": partial(numbers.compile_bound, least=False),
}
APPROX = ("approx", "tol", "rel")
LOGIC = ("any", "not")
MATCHERS = (*TEXT, *DATA, *APPROX, *NUMBER, "in", *LOGIC)
RUN: dict[str, Compile] = {
    "similar": _late("meaning", "compile_similar"),
    "judge": _late("meaning", "compile_judge"),
    "logprob": _late("meaning", "compile_logprob"),
    "trajectory": _late("path", "compile_trajectory"),
    "memory": _late("memory", "compile_memory"),
    "retrieved": _late("retrieval", "compile_retrieved"),
    "cites": _late("retrieval", "compile_cites"),
    "budget": _late("budget", "compile_budget"),
    "stream": _late("streams", "compile_stream"),
    "code": _late("code", "compile_code"),
}
EXPECTATIONS = (*TEXT, *DATA, "in", *RUN, *LOGIC)


def compile_expect(
    raw: Any, where: str = "expect", *, project: Path | str | None = None
) -> Expectation:
    """The checks that ``raw``, the mapping under ``expect:``, asks for.

    Args:
        where: how failures and errors call it, e.g. ``turns[1].expect``.
        project: the folder in which schema files lie; None is the current project.

    Raises:
        ScenarioError: something in it is wrong: an unknown key, a wrong type, a regular
            expression, JSON schema or JSONPath that does not compile. ``keys`` lead to the place.
    """
    if project is None:
        from agentlab.config import project_folder

        project = project_folder()
    return _Compiler(Path(project)).expectation(raw, Place(where))


def check(expectation: Expectation, run: Run, context: CheckContext | None = None) -> list[Failure]:
    """What of ``expectation`` is not met by ``run``, in the order of the file.

    For the expectations of one turn give ``of_turn(run, index)``.

    Raises:
        ScenarioError: something cannot be decided: a model is not named, a price is not known, a
            regular expression takes too long.
    """
    return expectation.check(run, context or CheckContext())


@dataclass(frozen=True)
class _Compiler:
    project: Path

    def is_matcher(self, raw: Any) -> bool:
        return isinstance(raw, Mapping) and bool(raw) and all(key in MATCHERS for key in raw)

    def matcher(self, raw: Any, place: Place) -> Matcher:
        if isinstance(raw, list):
            raise wrong(place, "expected a value or a matcher, got a list", "write {equals: […]}")
        if not isinstance(raw, Mapping):
            return text.Equals(place, raw)
        if not raw:
            raise wrong(place, "expected a value or a matcher, got an empty mapping")
        for key in raw:
            if key not in MATCHERS:
                error = unknown_key(place, key, MATCHERS)
                error.hint += "; to compare with a mapping, write {equals: {…}}"
                raise error
        parts: list[Matcher] = []
        if any(key in raw for key in APPROX):
            parts.append(numbers.compile_approx(raw, place))
        for key, value in raw.items():
            if key not in APPROX:
                parts += self._matcher_parts(key, value, place / key)
        return _all(place, parts)

    def _matcher_parts(self, key: str, raw: Any, place: Place) -> Sequence[Matcher]:
        if key == "in":
            return [self._one_of(raw, place)]
        if key == "any":
            return [AnyOf(place, self._alternatives(raw, place, self.matcher))]
        if key == "not":
            return [Not(place, self.matcher(raw, place))]
        compiled = (TEXT | DATA | NUMBER)[key](raw, place, self)
        return compiled if isinstance(compiled, list) else [compiled]

    def _one_of(self, raw: Any, place: Place) -> Matcher:
        if not isinstance(raw, list) or not raw:
            raise wrong(place, f"expected a list of values, got {kind_of(raw)}")
        return AnyOf(place, [self.matcher(item, place / i) for i, item in enumerate(raw)])

    def _alternatives(
        self, raw: Any, place: Place, compile_one: Callable[[Any, Place], Check[Any]]
    ) -> list[Check[Any]]:
        if not isinstance(raw, list) or not raw:
            raise wrong(place, f"expected a list of alternatives, got {kind_of(raw)}")
        return [compile_one(item, place / i) for i, item in enumerate(raw)]

    def expectation(self, raw: Any, place: Place) -> Expectation:
        if not isinstance(raw, Mapping) or not raw:
            raise wrong(place, f"expected a mapping of expectations, got {kind_of(raw)}")
        parts: list[Expectation] = []
        for key, value in raw.items():
            if key not in EXPECTATIONS:
                raise self._unknown(key, place)
            parts += self._parts(key, value, place / key)
        return _all(place, parts)

    def _unknown(self, key: Any, place: Place) -> Exception:
        error = unknown_key(place, key, EXPECTATIONS)
        if key in MATCHERS:
            error.hint = f"{key} is for values: write at: {{$.path: {{{key}: …}}}}"
        return error

    def _parts(self, key: str, raw: Any, place: Place) -> list[Expectation]:
        if key == "any":
            return [AnyOf(place, self._alternatives(raw, place, self.expectation))]
        if key == "not":
            return [Not(place, self.expectation(raw, place))]
        if key in RUN:
            compiled = RUN[key](raw, place, self)
            return compiled if isinstance(compiled, list) else [compiled]
        # Text is compared with the answer's text; other values with the answer's own value.
        data_wanted = key in DATA or (key == "equals" and not isinstance(raw, str))
        on = OnAnswer if data_wanted else OnText
        return [on(part.place, part) for part in self._matcher_parts(key, raw, place)]


def _all(place: Place, parts: Sequence[Check[Any]]) -> Check[Any]:
    return parts[0] if len(parts) == 1 else All(place, parts)
