"""``stream``: the pieces in which an answer came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agentlab.scenarios.expectations.base import (
    Check,
    CheckContext,
    Compiler,
    Expectation,
    Matcher,
    Place,
    fields,
    kind_of,
    wrong,
)
from agentlab.scenarios.expectations.diffs import shown, text_diff
from agentlab.scenarios.results import Failure, Run

KEYS = ("chunks", "joined")


def _chunks(run: Run) -> tuple[str, ...]:
    return tuple(run.turns[-1].chunks) if run.turns else ()


@dataclass(frozen=True)
class Chunks(Check[Run]):
    """The answer came in so many pieces."""

    place: Place
    number: Matcher

    def check(self, subject: Run, context: CheckContext) -> list[Failure]:
        count = len(_chunks(subject))
        if not self.number.check(count, context):
            return []
        told = "" if count else "the answer was not streamed"
        return [Failure(str(self.place), str(self), f"{count} chunks", told)]

    def __str__(self) -> str:
        return f"chunks: {self.number}"


@dataclass(frozen=True)
class Joined(Check[Run]):
    """The pieces joined are the answer."""

    place: Place

    def check(self, subject: Run, context: CheckContext) -> list[Failure]:
        chunks, text = _chunks(subject), subject.text
        joined = "".join(chunks)
        if chunks and joined == text:
            return []
        if not chunks:
            told = "the answer was not streamed"
            return [Failure(str(self.place), str(self), "no chunks", told)]
        diff = text_diff(text, joined) if context.explain else ()
        return [Failure(str(self.place), f"{self}: {shown(text)}", shown(joined), "", diff)]

    def __str__(self) -> str:
        return "the chunks joined are the answer"


def compile_stream(raw: Any, place: Place, compiler: Compiler) -> list[Expectation]:
    """``stream: {chunks: {min: 2}, joined: true}``."""
    found: list[Expectation] = []
    for key, value in fields(raw, place, KEYS).items():
        where = place / key
        if key == "joined":
            if value is not True:
                raise wrong(where, f"expected true, got {kind_of(value)}")
            found.append(Joined(where))
            continue
        if isinstance(value, str | bool) or value is None:
            raise wrong(where, f"expected a number or {{min, max}}, got {kind_of(value)}")
        found.append(Chunks(where, compiler.matcher(value, where)))
    return found
