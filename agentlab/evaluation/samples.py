"""Questions with their answers, contexts and truths, in the input format of Ragas."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentlab.errors import EvaluationError
from agentlab.evaluation._lines import Line, json_objects, lines, read_bytes

# Ours <- the names that Ragas has had for it
_NAMES = {
    "question": ("question", "user_input"),
    "answer": ("answer", "response"),
    "contexts": ("contexts", "retrieved_contexts"),
    "truths": ("ground_truth", "ground_truths", "reference"),
}


@dataclass(frozen=True, slots=True)
class Sample:
    """A question, the answer that was given, the passages it was given from, and right answers."""

    question: str
    answer: str
    contexts: tuple[str, ...] = ()
    truths: tuple[str, ...] = ()
    id: str = ""


def read_samples(path: str | Path) -> list[Sample]:
    """Rows of ``question``, ``answer``, ``contexts`` and ``ground_truth`` (Ragas).

    The newer names ``user_input``, ``response``, ``retrieved_contexts`` and ``reference`` are read
    too. The file is JSONL, JSON (a list of rows, or columns), or CSV with contexts as a JSON list.

    Raises:
        EvaluationError: the file or a row is wrong; it names the line, or the row in JSON.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in (".jsonl", ".ndjson", ".json", ".csv"):
        raise EvaluationError(f"{str(path)!r} is not .jsonl, .json or .csv")
    rows = {".json": _json_rows, ".csv": _csv_rows}.get(kind, json_objects)(path)
    found = [sample_of(row, place, number) for number, (place, row) in enumerate(rows, 1)]
    if not found:
        raise EvaluationError(f"{str(path)!r} holds no rows")
    return found


def sample_of(row: Mapping[str, Any], place: Line, number: int = 1) -> Sample:
    """One row as a sample; ``place`` is where the row was read, for the errors."""
    values = {ours: _first(row, names) for ours, names in _NAMES.items()}
    for name in ("question", "answer"):
        if not isinstance(values[name], str):
            raise place.wrong(f"expected a text under {' or '.join(map(repr, _NAMES[name]))}")
    return Sample(
        question=values["question"],
        answer=values["answer"],
        contexts=_texts(values["contexts"], "contexts", place),
        truths=_texts(values["truths"], "ground_truth", place),
        id=str(row.get("id", number)),
    )


def _first(row: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _texts(value: Any, name: str, place: Line) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise place.wrong(f"expected a list of texts under {name!r}")
    return tuple(texts)


@dataclass(frozen=True, slots=True)
class _Row(Line):
    """A row of a JSON file, which has no lines to count."""

    def wrong(self, problem: str, *, hint: str = "") -> EvaluationError:
        return EvaluationError(f"{self.path}, row {self.number}: {problem}", hint=hint)


def _json_rows(path: Path) -> Iterator[tuple[Line, Mapping[str, Any]]]:
    try:
        data = json.loads(read_bytes(path).decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path}: the text is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise EvaluationError(f"{path}, line {error.lineno}: {error.msg.lower()}") from error
    except (ValueError, RecursionError) as error:
        raise EvaluationError(f"{path}: a value is too large or nests too deep") from error
    for number, row in enumerate(_rows_of(data, path), 1):
        place = _Row(path, number, "")
        if not isinstance(row, dict):
            raise place.wrong(f"expected a JSON object, not {type(row).__name__}")
        yield place, row


def _rows_of(data: Any, path: Path) -> list[Any]:
    if isinstance(data, list):
        return data
    columns = data if isinstance(data, dict) else {}
    counts = {len(column) for column in columns.values() if isinstance(column, list)}
    if len(counts) != 1 or not all(isinstance(column, list) for column in columns.values()):
        raise EvaluationError(f"{path}: expected a list of rows, or columns of one length")
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def _csv_rows(path: Path) -> Iterator[tuple[Line, Mapping[str, Any]]]:
    for _ in lines(path):  # tells of a line that is not UTF-8
        pass
    text = read_bytes(path).decode("utf-8-sig")
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            place = Line(path, reader.line_num, "")
            if None in row or None in row.values():
                raise place.wrong(f"expected {len(reader.fieldnames or ())} fields")
            yield place, {name: _cell(name, value, place) for name, value in row.items()}
    except csv.Error as error:
        number = reader.reader.line_num  # the reader's own is that of the row before
        raise EvaluationError(f"{path}, line {number}: {error}") from error


def _cell(name: str, value: str, place: Line) -> Any:
    if name not in _NAMES["contexts"] or not value:
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise place.wrong(f"expected a JSON list of texts under {name!r}") from error
