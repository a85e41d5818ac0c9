"""Matchers of numbers: approx, min, max."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentlab.scenarios.expectations.base import (
    Check,
    CheckContext,
    Compiler,
    Matcher,
    Place,
    kind_of,
    wrong,
)
from agentlab.scenarios.expectations.diffs import MISSING, is_number, shown
from agentlab.scenarios.results import Failure


@dataclass(frozen=True)
class Approx(Check[Any]):
    """A number within ``tol`` (absolute) or ``rel`` (a share of the expected) of another."""

    place: Place
    expected: float
    tol: float | None
    rel: float | None

    def check(self, subject: Any, context: CheckContext) -> list[Failure]:
        if not is_number(subject):
            return [_no_number(self, subject)]
        off = abs(subject - self.expected)
        if off <= self._room():
            return []
        diff = (("removed", f"{self.expected:g}"), ("added", f"{subject:g}"))
        return [Failure(str(self.place), str(self), shown(subject), f"off by {off:g}", diff)]

    def _room(self) -> float:
        if self.tol is None and self.rel is None:
            return abs(self.expected) * 1e-6
        return max(self.tol or 0.0, (self.rel or 0.0) * abs(self.expected))

    def __str__(self) -> str:
        return f"{self.expected:g} ± {self._room():g}"

    def evidence(self, subject: Any) -> str:
        return shown(subject)


@dataclass(frozen=True)
class Bound(Check[Any]):
    """A number is at least, or at most, another."""

    place: Place
    least: bool
    limit: float

    def check(self, subject: Any, context: CheckContext) -> list[Failure]:
        if not is_number(subject):
            return [_no_number(self, subject)]
        if subject >= self.limit if self.least else subject <= self.limit:
            return []
        return [Failure(str(self.place), str(self), shown(subject))]

    def __str__(self) -> str:
        return f"at {'least' if self.least else 'most'} {self.limit:g}"

    def evidence(self, subject: Any) -> str:
        return shown(subject)


def _no_number(matcher: Matcher, subject: Any) -> Failure:
    message = f"{kind_of(subject)} is no number" if subject is not MISSING else ""
    return Failure(str(matcher.place), str(matcher), shown(subject), message)


def compile_approx(raw: Mapping[str, Any], place: Place) -> Matcher:
    """``{approx: number, tol: number, rel: number}``."""
    values = {}
    for key in ("approx", "tol", "rel"):
        if key in raw:
            values[key] = _number(raw[key], place / key)
    if "approx" not in values:
        key = next(iter(values))
        raise wrong(place / key, f"{key} stands beside approx", "write {approx: 42, tol: 0.01}")
    if min(values.get("tol", 0), values.get("rel", 0)) < 0:
        raise wrong(place, "tol and rel are 0 or more")
    return Approx(place / "approx", values["approx"], values.get("tol"), values.get("rel"))


def compile_bound(raw: Any, place: Place, compiler: Compiler, *, least: bool) -> Matcher:
    """``min: number`` or ``max: number``."""
    return Bound(place, least, _number(raw, place))


def _number(raw: Any, place: Place) -> float:
    if not is_number(raw) or abs(raw) > 1e300:
        got = "no finite number" if isinstance(raw, float) and not math.isfinite(raw) else None
        raise wrong(place, f"expected a number, got {got or kind_of(raw)}")
    return float(raw) if isinstance(raw, float) else raw
