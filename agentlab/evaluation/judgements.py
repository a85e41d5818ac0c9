"""Judgements, runs and questions from files, in the formats of TREC and BEIR."""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agentlab.errors import EvaluationError
from agentlab.evaluation._lines import Line, json_objects, lines

Qrels = Mapping[str, Mapping[str, int]]  # question -> document -> grade
Run = Mapping[str, list[str]]  # question -> documents, best first

_BEIR_HEAD = ("query-id", "corpus-id", "score")
_WHOLE = re.compile(r"[+-]?[0-9]{1,9}(?:\.0*)?")


@dataclass(frozen=True, slots=True)
class Query:
    """A question; ``answers`` are known right ones, where the file has them."""

    id: str
    text: str
    answers: tuple[str, ...] = ()


def read_qrels(path: str | Path) -> dict[str, dict[str, int]]:
    """Judgements: ``query 0 document grade`` (TREC) or ``query TAB document TAB grade`` (BEIR).

    The first line decides which; BEIR's may be its header.

    Raises:
        EvaluationError: a line is wrong (it names the line), the same pair has two different
            grades, or there is no judgement at all.
    """
    found: dict[str, dict[str, int]] = {}
    seen: dict[tuple[str, str], int] = {}
    beir: bool | None = None
    for line in lines(Path(path)):
        if beir is None:
            head = tuple(field.strip().lower() for field in line.text.split("\t"))
            beir = len(head) == 3
            if head == _BEIR_HEAD:
                continue
        query, document, grade = _judgement(line, beir)
        known = found.setdefault(query, {}).setdefault(document, grade)
        first = seen.setdefault((query, document), line.number)
        if known != grade:
            raise line.wrong(
                f"document {document!r} of query {query!r} has grade {grade} here and {known} "
                f"in line {first}"
            )
    if not found:
        raise EvaluationError(f"{str(path)!r} holds no judgements")
    return found


def _judgement(line: Line, beir: bool) -> tuple[str, str, int]:
    if beir:
        fields = [field.strip() for field in line.text.split("\t")]
        expected = "query, document and grade, parted by tabs"
    else:
        fields = line.text.split()
        expected = "query, 0, document and grade, parted by spaces"
    if len(fields) != (3 if beir else 4) or not all(fields):
        raise line.wrong(f"expected {expected}, got {len(fields)} fields")
    query, document, grade = fields[0], fields[-2], fields[-1]
    if not _WHOLE.fullmatch(grade):
        raise line.wrong(f"the grade {grade!r} is not a whole number")
    return query, document, int(grade.partition(".")[0])


def read_run(path: str | Path) -> dict[str, list[str]]:
    """A run in TREC's form, ``query Q0 document rank score tag``, ranked as trec_eval does.

    By score, highest first; of equal scores the later id first; the ranks written in the file do
    not count. A document that comes twice for a query counts once, at its better place.

    Raises:
        EvaluationError: a line is wrong (it names the line), or there is none.
    """
    scores: dict[str, dict[str, float]] = {}
    for line in lines(Path(path)):
        fields = line.text.split()
        if len(fields) != 6:
            raise line.wrong(
                f"expected query, Q0, document, rank, score and tag, got {len(fields)} fields"
            )
        query, _, document, _, written, _ = fields
        try:
            score = float(written)
        except ValueError:
            score = math.nan
        if not math.isfinite(score):
            raise line.wrong(f"the score {written!r} is not a number")
        known = scores.setdefault(query, {})
        known[document] = max(score, known.get(document, score))
    if not scores:
        raise EvaluationError(f"{str(path)!r} holds no results")
    return {query: ranked(found) for query, found in scores.items()}


def ranked(scores: Mapping[str, float]) -> list[str]:
    """Documents by score, as trec_eval ranks: 32-bit scores, of equal ones the later id first."""
    return sorted(scores, key=lambda d: (ctypes.c_float(scores[d]).value, d), reverse=True)


def read_queries(path: str | Path) -> dict[str, Query]:
    """Questions in BEIR's form: ``{"_id": …, "text": …}`` a line.

    ``metadata.answer``, a text or a list of texts, gives known right answers.

    Raises:
        EvaluationError: a line is wrong (it names the line), an id comes twice, or there is none.
    """
    found: dict[str, Query] = {}
    for line, row in json_objects(Path(path)):
        identifier = row.get("_id", row.get("id"))
        text = row.get("text")
        if isinstance(identifier, bool) or not isinstance(identifier, str | int):
            raise line.wrong("expected a text under '_id'")
        if not isinstance(text, str) or not text.strip():
            raise line.wrong("expected the question's text under 'text'")
        if str(identifier) in found:
            raise line.wrong(f"the query {str(identifier)!r} came before")
        found[str(identifier)] = Query(str(identifier), text, _answers(line, row.get("metadata")))
    if not found:
        raise EvaluationError(f"{str(path)!r} holds no questions")
    return found


def _answers(line: Line, metadata: object) -> tuple[str, ...]:
    given = metadata.get("answer") if isinstance(metadata, Mapping) else None
    if given is None:
        return ()
    answers = [given] if isinstance(given, str) else given
    if not isinstance(answers, list) or not all(isinstance(a, str) for a in answers):
        raise line.wrong("expected a text or a list of texts under 'metadata.answer'")
    return tuple(answers)
