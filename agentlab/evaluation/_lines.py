"""Lines of the files that evaluations read, each with its number for the errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentlab.errors import EvaluationError


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a text file; ``number`` counts from 1."""

    path: Path
    number: int
    text: str

    def wrong(self, problem: str, *, hint: str = "") -> EvaluationError:
        """The error for this line."""
        return EvaluationError(f"{self.path}, line {self.number}: {problem}", hint=hint)


def read_bytes(path: Path) -> bytes:
    """The file's bytes.

    Raises:
        EvaluationError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise EvaluationError(f"{str(path)!r} cannot be read: {reason}") from error


def lines(path: Path) -> Iterator[Line]:
    """The lines of the file that are not blank.

    Raises:
        EvaluationError: it cannot be read, or a line is not UTF-8.
    """
    for number, raw in enumerate(read_bytes(path).removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            text = raw.decode("utf-8").rstrip("\r")
        except UnicodeDecodeError as error:
            raise EvaluationError(f"{path}, line {number}: the text is not UTF-8") from error
        if text.strip():
            yield Line(path, number, text)


def json_objects(path: Path) -> Iterator[tuple[Line, dict[str, Any]]]:
    """Each line of a JSONL file as an object.

    Raises:
        EvaluationError: a line is not a JSON object.
    """
    for line in lines(path):
        try:
            value = json.loads(line.text)
        except (ValueError, RecursionError) as error:
            told = "a value is too large or nests too deep"
            if isinstance(error, json.JSONDecodeError):
                told = error.msg.lower()
            raise line.wrong(f"expected one JSON object a line: {told}") from error
        if not isinstance(value, dict):
            raise line.wrong(f"expected a JSON object, not {type(value).__name__}")
        yield line, value
