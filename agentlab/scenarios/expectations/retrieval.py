"""``retrieved`` and ``cites``: what was found, and what the answer rests on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
from agentlab.scenarios.expectations.diffs import Pieces, short
from agentlab.scenarios.expectations.documents import Document, citations, retrieved
from agentlab.scenarios.expectations.numbers import compile_bound
from agentlab.scenarios.results import Failure, Run

METRICS = ("recall", "precision", "mrr")
RETRIEVED = (*METRICS, "k", "spans", "docs")
CITES = ("only", "spans", "grounded")

# A sentence is supported when this share of its words is in the documents that are cited.
SUPPORT = 0.6
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_MARKS = re.compile(r"\s*\[[^\[\]\n]{1,120}\]")
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|\n+")
_COMMON_WORDS = """
about after again all also and any are because been before being but can could did does down each
for from had has have her here him his how into its just may might more most must not now off once
only other our out over she should some such than that the their them then there these they this
those through too under until very was were what when where which while who why will with would
you your
"""
_COMMON = frozenset(_COMMON_WORDS.split())


@dataclass(frozen=True)
class Retrieved(Check[Run]):
    """A metric of the first ``k`` documents against those that should be found is within bounds.

    ``recall``: the share of the wanted that was found. ``precision``: the share of what was found
    that is wanted. ``mrr``: 1 / the rank of the first wanted one, 0 where there is none.
    """

    place: Place
    metric: str
    bound: Matcher
    wanted: tuple[str, ...]
    k: int | None

    def check(self, subject: Run, context: CheckContext) -> list[Failure]:
        found = retrieved(subject)[: self.k]
        value = _METRICS[self.metric](self.wanted, found)
        if not self.bound.check(value, context):
            return []
        diff: Pieces = ()
        missing = [w for w in self.wanted if not any(w in d.names for d in found)]
        if context.explain:
            diff = _found_diff(self.wanted, missing, found)
        message = f"not found: {', '.join(missing)}" if missing else ""
        got = f"{self.metric} {value:.3g} of {len(found)} documents"
        return [Failure(str(self.place), str(self), got, message, diff)]

    def __str__(self) -> str:
        top = f"@{self.k}" if self.k else ""
        return f"{self.metric}{top} {self.bound}"


def _recall(wanted: Sequence[str], found: Sequence[Document]) -> float:
    return sum(any(w in d.names for d in found) for w in wanted) / len(wanted)


def _precision(wanted: Sequence[str], found: Sequence[Document]) -> float:
    names = set(wanted)
    return sum(bool(d.names & names) for d in found) / len(found) if found else 0.0


def _mrr(wanted: Sequence[str], found: Sequence[Document]) -> float:
    names = set(wanted)
    return next((1 / n for n, d in enumerate(found, start=1) if d.names & names), 0.0)


_METRICS = {"recall": _recall, "precision": _precision, "mrr": _mrr}


def _found_diff(
    wanted: Sequence[str], missing: Sequence[str], found: Sequence[Document], most: int = 10
) -> Pieces:
    pieces = [("removed", f"{name}\n") for name in missing[:most]]
    for document in found[:most]:
        known = next((w for w in wanted if w in document.names), None)
        pieces.append(("same" if known else "added", f"{known or document.label}\n"))
    return tuple(pieces)


@dataclass(frozen=True)
class CitesOnly(Check[Run]):
    """The answer cites, and nothing that was not retrieved."""

    place: Place

    def check(self, subject: Run, context: CheckContext) -> list[Failure]:
        cited = citations(subject)
        if not cited:
            return [Failure(str(self.place), str(self), "no citation", "the answer cites nothing")]
        strange = [c.written for c in cited if c.document is None]
        if not strange:
            return []
        got = short(", ".join(strange))
        diff = tuple(("added", f"{name}\n") for name in strange[:10])
        return [Failure(str(self.place), str(self), got, "it was not retrieved", diff)]

    def __str__(self) -> str:
        return "cites only what was retrieved"

    def evidence(self, subject: Run) -> str:
        return "cited: " + short(", ".join(c.written for c in citations(subject)))


@dataclass(frozen=True)
class CitesSpan(Check[Run]):
    """The answer cites this span or document."""

    place: Place
    span: str

    def check(self, subject: Run, context: CheckContext) -> list[Failure]:
        cited = citations(subject)
        for citation in cited:
            if self.span in citation.names:
                return []
            if citation.document is not None and self.span in citation.document.names:
                return []
        got = short(", ".join(c.written for c in cited)) or "no citation"
        return [Failure(str(self.place), str(self), got, "", (("removed", self.span),))]

    def __str__(self) -> str:
        return f"cites {self.span}"


@dataclass(frozen=True)
class Grounded(Check[Run]):
    """A share of the answer's sentences is supported, word by word, by the documents it cites.

    A sentence is supported when all its numbers and at least 60% of its content words (three
    letters or more, without the most common) are in the text of the cited documents together.
    Sentences without content words do not count; an answer without any is not grounded. It tells
    made-up facts from copied ones, not true ones from false.
    """

    place: Place
    bound: Matcher

    def check(self, subject: Run, context: CheckContext) -> list[Failure]:
        share, unsupported = groundedness(subject)
        if not self.bound.check(share, context):
            return []
        message = f"not supported: {short(unsupported[0], 160)}" if unsupported else ""
        diff = tuple(("added", f"{short(s, 160)}\n") for s in unsupported[:5])
        return [Failure(str(self.place), str(self), f"{share:.2f}", message, diff)]

    def __str__(self) -> str:
        return f"share of grounded sentences {self.bound}"


def groundedness(run: Run) -> tuple[float, list[str]]:
    """The share of sentences that are supported, and those that are not."""
    cited = {id(c.document): c.document.text for c in citations(run) if c.document is not None}
    source = "\n".join(cited.values())
    words, numbers = _content(source), set(_NUMBER.findall(source))
    supported, unsupported = 0, []
    for sentence in _SENTENCE.split(_answer(run)):
        bare = _MARKS.sub("", sentence).strip()
        said, counted = _content(bare), set(_NUMBER.findall(bare))
        if not said and not counted:
            continue
        if counted <= numbers and len(said & words) >= SUPPORT * len(said):
            supported += 1
        else:
            unsupported.append(bare)
    total = supported + len(unsupported)
    return (supported / total if total else 0.0), unsupported


def _answer(run: Run) -> str:
    output = run.output
    given = output.get("answer") if isinstance(output, Mapping) else None
    return given if isinstance(given, str) else run.text


def _content(text: str) -> set[str]:
    words = {word for word in _WORD.findall(text.casefold()) if len(word) > 2}
    return {word for word in words - _COMMON if not word[0].isdecimal()}


def compile_retrieved(raw: Any, place: Place, compiler: Compiler) -> list[Expectation]:
    """``retrieved: {recall: 1.0, k: 4, spans: [manual.md#reset-the-pump]}``."""
    given = fields(raw, place, RETRIEVED)
    if ("spans" in given) == ("docs" in given):
        raise wrong(place, "expected either spans or docs: what should be found")
    key = "spans" if "spans" in given else "docs"
    wanted = tuple(_names(given[key], place / key))
    k = given.get("k")
    if k is not None and (not isinstance(k, int) or isinstance(k, bool) or k < 1):
        raise wrong(place / "k", f"expected a number of 1 or more, got {kind_of(k)}")
    metrics = {m: given[m] for m in METRICS if m in given} or {"recall": 1.0}
    return [
        Retrieved(place / m, m, _share(value, place / m, compiler), wanted, k)
        for m, value in metrics.items()
    ]


def compile_cites(raw: Any, place: Place, compiler: Compiler) -> list[Expectation]:
    """``cites: {only: retrieved, spans: […], grounded: 0.6}``."""
    found: list[Expectation] = []
    for key, value in fields(raw, place, CITES).items():
        where = place / key
        if key == "only":
            if value != "retrieved":
                raise wrong(where, f"expected the word retrieved, got {kind_of(value)}")
            found.append(CitesOnly(where))
        elif key == "spans":
            names = _names(value, where)
            found += [CitesSpan(where / i, name) for i, name in enumerate(names)]
        else:
            found.append(Grounded(where, _share(value, where, compiler)))
    return found


def _names(raw: Any, place: Place) -> list[str]:
    if not isinstance(raw, list) or not raw:
        raise wrong(place, f"expected a list of names, got {kind_of(raw)}")
    for index, name in enumerate(raw):
        if isinstance(name, bool) or not isinstance(name, str | int) or name == "":
            raise wrong(place / index, f"expected a name, got {kind_of(name)}")
    return [str(name) for name in dict.fromkeys(raw)]


def _share(raw: Any, place: Place, compiler: Compiler) -> Matcher:
    """A number is the least there may be."""
    if isinstance(raw, Mapping):
        return compiler.matcher(raw, place)
    bound = compile_bound(raw, place, compiler, least=True)
    if not 0 <= raw <= 1:
        raise wrong(place, f"expected a share from 0 to 1, got {raw}")
    return bound
