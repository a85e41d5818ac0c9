"""What happens during a run, as values: the REPL, ``--json``, recorders and reports read these.

Every event is a frozen dataclass of plain values; :func:`as_dict` gives the NDJSON form, whose
``event`` key is the class name in snake case.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """The base of all events."""


@dataclass(frozen=True, slots=True)
class StepStarted(Event):
    """A chain begins the step ``step``."""

    step: str


@dataclass(frozen=True, slots=True)
class Token(Event):
    """A piece of an answer, as it comes. ``step`` is the chain's step, empty outside chains."""

    text: str
    step: str = ""


@dataclass(frozen=True, slots=True)
class StepFinished(Event):
    """A chain has the whole ``value`` of the step ``step``."""

    step: str
    value: Any


@dataclass(frozen=True, slots=True)
class Thought(Event):
    """What an agent thinks before it acts."""

    text: str


@dataclass(frozen=True, slots=True)
class Considered(Event):
    """Something on the way to an answer: one of several answers, a thought, a refused answer.

    ``kind`` is ``path``, ``thought``, ``refused`` or ``field``; ``detail`` has what is known of it.
    """

    kind: str
    text: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolCall(Event):
    """A tool is about to run."""

    id: str
    name: str
    args: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToolResult(Event):
    """A tool has run; ``error`` when its content tells of a failure."""

    id: str
    name: str
    content: str
    error: bool = False


@dataclass(frozen=True, slots=True)
class Retrieved(Event):
    """Documents were found for ``query``; each a mapping with at least ``text``."""

    query: str
    documents: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Planned(Event):
    """A step of a search was taken: a node of its plan, below the one whose text is ``parent``.

    ``kind`` is ``search``, ``rewrite``, ``hop``, ``route``, …; ``note`` says what came of it,
    ``found`` are the ids of documents.
    """

    kind: str
    text: str
    note: str
    found: tuple[str, ...]
    parent: str


@dataclass(frozen=True, slots=True)
class Usage(Event):
    """Tokens read and written by all model calls of the run, and the seconds it took."""

    input_tokens: int
    output_tokens: int
    model_calls: int
    seconds: float
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Answer(Event):
    """The run's result."""

    value: Any


@dataclass(frozen=True, slots=True)
class Failed(Event):
    """The run ended with an error; ``partial`` is the text that had come."""

    error: str
    message: str
    hint: str = ""
    partial: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """Something failed that the run can do without."""

    message: str
    hint: str = ""


def name_of(event: Event) -> str:
    """``StepStarted`` -> ``step_started``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()


def as_dict(event: Event) -> dict[str, Any]:
    """The event as plain values, ``event`` first: one NDJSON line."""
    fields = {f.name: getattr(event, f.name) for f in dataclasses.fields(event)}
    return {"event": name_of(event), **fields}
