"""Questions with their judgements, from one place: a folder, two files, or one file of your own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from agentlab.errors import EvaluationError
from agentlab.evaluation._lines import Line, json_objects
from agentlab.evaluation.judgements import Qrels, Query, read_qrels, read_queries

_QRELS = ("qrels.tsv", "qrels.txt", "qrels/test.tsv")
_QUERIES = "queries.jsonl"


def read_judged(
    path: str | Path, queries: str | Path | None = None
) -> tuple[Mapping[str, Query], Qrels]:
    """Questions and judgements.

    Args:
        path: judgements of TREC or BEIR, with ``queries`` beside them; a folder with
            ``queries.jsonl`` and ``qrels.tsv`` (or ``qrels.txt``, or ``qrels/test.tsv``); or lines
            of ``{"question": …, "relevant": ["docs/a.md", …]}``, or ``{"docs/a.md": 2}`` with
            grades.
        queries: BEIR's ``queries.jsonl``.

    Raises:
        EvaluationError: a file is missing or wrong.
    """
    found = Path(path).expanduser()
    if found.is_dir():
        qrels = next((found / name for name in _QRELS if (found / name).is_file()), None)
        if qrels is None:
            raise EvaluationError(
                f"the folder {str(path)!r} holds no judgements", hint=f"name one {_QRELS[0]}"
            )
        return read_queries(queries or found / _QUERIES), read_qrels(qrels)
    if found.suffix.lower() == ".jsonl":
        return _own(found)
    if queries is None:
        beside = found.parent / _QUERIES
        if not beside.is_file():
            raise EvaluationError(
                f"there are no questions beside the judgements {str(path)!r}",
                hint="name them with --queries",
            )
        queries = beside
    return read_queries(queries), read_qrels(found)


def _own(path: Path) -> tuple[dict[str, Query], dict[str, dict[str, int]]]:
    queries: dict[str, Query] = {}
    qrels: dict[str, dict[str, int]] = {}
    for line, row in json_objects(path):
        text = row.get("question")
        if not isinstance(text, str) or not text.strip():
            raise line.wrong("expected the question's text under 'question'")
        name = str(row.get("id", f"line {line.number}"))
        if name in queries:
            raise line.wrong(f"the question {name!r} came before")
        queries[name] = Query(name, text)
        qrels[name] = _grades(line, row.get("relevant"))
    if not queries:
        raise EvaluationError(f"{str(path)!r} holds no questions")
    return queries, qrels


def _grades(line: Line, given: object) -> dict[str, int]:
    if isinstance(given, str):
        given = [given]
    if isinstance(given, list):
        given = dict.fromkeys(map(str, given), 1)
    right = isinstance(given, Mapping) and all(type(grade) is int for grade in given.values())
    if not right or not given:
        raise line.wrong("expected documents, or documents with grades, under 'relevant'")
    assert isinstance(given, Mapping)
    return {str(document): grade for document, grade in given.items()}
