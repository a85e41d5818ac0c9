"""What every expectation is made of: a place in the file, a check, and how checks combine."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from agentlab.errors import ScenarioError
from agentlab.scenarios.expectations.diffs import MISSING
from agentlab.scenarios.results import Failure, Run

S = TypeVar("S")
Key = str | int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands in the file: ``turns[1].expect``, then keys and indices."""

    start: str
    keys: tuple[Key, ...] = ()

    def __truediv__(self, key: Key) -> Place:
        return replace(self, keys=(*self.keys, key))

    def __str__(self) -> str:
        text = self.start
        for key in self.keys:
            text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
        return text


class ExpectationError(ScenarioError):
    """An expectation is written wrong. ``keys`` lead to it from the mapping that was compiled."""

    def __init__(self, message: str, *, keys: tuple[Key, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.keys = keys


def wrong(place: Place, message: str, hint: str = "") -> ExpectationError:
    """The error that ``place`` is wrong."""
    return ExpectationError(f"{place}: {message}", keys=place.keys, hint=hint)


def unknown_key(place: Place, key: Any, known: Iterable[str]) -> ExpectationError:
    """The error that ``key`` is not one of ``known``."""
    names = list(known)
    near = difflib.get_close_matches(str(key), names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"it may hold {', '.join(names)}"
    return ExpectationError(
        f"{place}: unknown key {str(key)[:80]!r}", keys=(*place.keys, str(key)), hint=hint
    )


def fields(raw: Any, place: Place, known: Sequence[str], needed: Sequence[str] = ()) -> Any:
    """``raw``, a mapping with keys out of ``known`` and all of ``needed``."""
    if not isinstance(raw, Mapping) or not raw:
        raise wrong(place, f"expected a mapping with {', '.join(known)}, got {kind_of(raw)}")
    for key in raw:
        if key not in known:
            raise unknown_key(place, key, known)
    for key in needed:
        if key not in raw:
            raise wrong(place, f"{key} is missing")
    return raw


def kind_of(value: Any) -> str:
    """The kind of a value, for messages."""
    if value is None or value is MISSING:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "text"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    return f"a {type(value).__name__}"


class NeedsModel(Exception):
    """A changed run would have to be judged by a model, and none may be asked."""


def no_model(name: str | None) -> Any:
    """Refuses a model: the file names none."""
    raise ScenarioError(
        f"there is no model {name!r} for an expectation" if name else "no model is named",
        hint="name it under models: in the scenario file, or write a spec such as smollm2",
    )


def load_embeddings(model: Any) -> Any:
    """The embeddings that ``model`` names (None: those in the box), or ``model`` itself.

    Raises:
        ConfigError: there are no such embeddings.
    """
    if hasattr(model, "embed_documents"):
        from agentlab.boundary import recordable

        return recordable(model)
    from agentlab.models import embeddings

    # What is recorded need not be kept besides.
    return embeddings.load_embeddings(model or embeddings.BOX, cache=False)


@dataclass(frozen=True, slots=True)
class CheckContext:
    """What checks need besides the run.

    ``model(name)`` gives the chat model that a judge names, ``embeddings(model)`` those of
    ``similar``: both cross the boundary, so checks run inside the cassette's block are recorded.
    ``prices`` has US dollars for a million tokens by model: ``{"gpt-4o-mini": {"input": 0.15,
    "output": 0.6}}``. ``explain`` is off where only the verdict counts. ``unchanged`` is set while
    changed runs are scored: the run whose answers are known.
    """

    project: Path = field(default_factory=Path.cwd)
    model: Callable[[str | None], Any] = no_model
    embeddings: Callable[[Any], Any] = load_embeddings
    prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    explain: bool = True
    unchanged: Run | None = None


class Check(ABC, Generic[S]):
    """Something that a subject, a run or one value, meets or not. ``str`` says what it expects."""

    place: Place

    @abstractmethod
    def check(self, subject: S, context: CheckContext) -> list[Failure]:
        """What is not met: empty where all is.

        Raises:
            ScenarioError: it cannot be decided.
        """

    @abstractmethod
    def __str__(self) -> str: ...

    def evidence(self, subject: S) -> str:
        """What in ``subject`` meets it, for those who expected it not to."""
        return f"{self} is met"


Expectation = Check[Run]
Matcher = Check[Any]


class Compiler(Protocol):
    """Compiles what stands inside an expectation."""

    @property
    def project(self) -> Path:
        """The folder in which schema files lie."""
        ...

    def matcher(self, raw: Any, place: Place) -> Matcher:
        """A scalar, or a mapping of matchers."""
        ...

    def is_matcher(self, raw: Any) -> bool:
        """Whether ``raw`` is a mapping of matchers."""
        ...

    def expectation(self, raw: Any, place: Place) -> Expectation:
        """A mapping of expectations."""
        ...


@dataclass(frozen=True)
class All(Check[S]):
    """Every part is met."""

    place: Place
    parts: Sequence[Check[S]]

    def check(self, subject: S, context: CheckContext) -> list[Failure]:
        found: list[Failure] = []
        undecided: NeedsModel | None = None
        for part in self.parts:
            try:
                found += part.check(subject, context)
            except NeedsModel as error:
                undecided = error
        if undecided is not None and not found:
            raise undecided
        return found

    def __str__(self) -> str:
        return " and ".join(str(part) for part in self.parts)

    def evidence(self, subject: S) -> str:
        return "; ".join(part.evidence(subject) for part in self.parts)


@dataclass(frozen=True)
class AnyOf(Check[S]):
    """One part at least is met."""

    place: Place
    parts: Sequence[Check[S]]

    def check(self, subject: S, context: CheckContext) -> list[Failure]:
        found: list[Failure] = []
        undecided: NeedsModel | None = None
        for part in self.parts:
            try:
                failures = part.check(subject, context)
            except NeedsModel as error:
                undecided = error
                continue
            if not failures:
                return []
            found += failures[:1]
        if undecided is not None:
            raise undecided
        nearest = min(found, key=lambda f: len(f.diff) or 1_000)
        reasons = "; ".join(f.message or f"expected {f.expected}" for f in found[:5])
        return [
            Failure(
                path=str(self.place),
                expected=str(self),
                got=nearest.got,
                message=f"none of {len(self.parts)} holds: {reasons}",
                diff=nearest.diff,
            )
        ]

    def __str__(self) -> str:
        return "any of: " + " | ".join(str(part) for part in self.parts)

    def evidence(self, subject: S) -> str:
        silent = CheckContext(explain=False)
        for part in self.parts:
            try:
                if not part.check(subject, silent):
                    return part.evidence(subject)
            except (ScenarioError, NeedsModel):
                continue
        return f"{self} is met"


@dataclass(frozen=True)
class Not(Check[S]):
    """The part is not met."""

    place: Place
    part: Check[S]

    def check(self, subject: S, context: CheckContext) -> list[Failure]:
        if self.part.check(subject, replace(context, explain=False)):
            return []
        got = self.part.evidence(subject) if context.explain else ""
        return [Failure(str(self.place), str(self), got)]

    def __str__(self) -> str:
        return f"not ({self.part})"
