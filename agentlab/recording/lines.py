"""JSON values as lines, and back: long texts get lines of their own, so that diffs stay small.

A long string in a value is written as ``{"$lines": n}`` and follows the value as ``n`` lines, each
a JSON string. A line ends where the text's own line ends; a longer one is cut after a sentence or
at a word picked by its hash, so that an edit moves no cut beyond its neighbourhood.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from typing import Any

from agentlab.errors import CorruptStore

LONG = 100  # characters: shorter strings stay in their value
LINE = 160  # a paragraph up to this length is one line
MOST = 240  # of one line
MAX_DEPTH = 64
MAX_LINE = 16 * 1024 * 1024

_dumps = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
_ascii = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode
_WORD = re.compile(r"\S+\s*|\s+")


def write_value(value: Any) -> Iterator[str]:
    """The lines of one value, without line ends."""
    texts: list[str] = []
    yield _line(_without_texts(value, texts))
    for text in texts:
        for piece in split(text):
            yield _line(piece)


def _line(value: Any) -> str:
    line = _dumps(value)
    try:
        line.encode()
    except UnicodeEncodeError:  # half of a surrogate pair: only an escape can hold it
        return _ascii(value)
    return line


def _without_texts(value: Any, texts: list[str]) -> Any:
    if isinstance(value, str):
        if len(value) <= LONG:
            return value
        texts.append(value)
        return {"$lines": sum(1 for _ in split(value))}
    if isinstance(value, list):
        return [_without_texts(item, texts) for item in value]
    if isinstance(value, dict):
        # A mapping of the user's own that looks like one of ours.
        if "$lines" in value or "$raw" in value:
            return {"$raw": [[k, _without_texts(v, texts)] for k, v in value.items()]}
        return {k: _without_texts(v, texts) for k, v in value.items()}
    return value


def split(text: str) -> Iterator[str]:
    """``text`` in pieces of at most ``MOST`` characters; joined they are the text."""
    for paragraph in text.split("\n"):
        last = len(paragraph)
        if last <= LINE:
            yield paragraph + "\n"
        else:
            yield from _pieces(paragraph + "\n")


def _pieces(paragraph: str) -> Iterator[str]:
    parts: list[str] = []
    size = 0
    for word in _WORD.findall(paragraph):
        while size + len(word) > MOST:
            if parts:
                yield "".join(parts)
                parts, size = [], 0
            else:
                yield word[:MOST]
                word = word[MOST:]
        parts.append(word)
        size += len(word)
        bare = word.rstrip()
        sentence = bare != word and bare.endswith((".", "!", "?", ":", ";"))
        if (size >= 40 and sentence) or (
            size >= 60 and zlib.crc32(bare.encode(errors="replace")) % 8 == 0
        ):
            yield "".join(parts)
            parts, size = [], 0
    if parts:
        yield "".join(parts)


class LineReader:
    """Reads the lines of a file as values, keeping count for what is wrong.

    Raises:
        CorruptStore: names the file and the line.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self.name = name
        self.number = 0
        lines = data.split(b"\n")
        if lines[-1] != b"":
            self.number = len(lines)
            raise self.damaged("the last line has no end")
        self._lines = lines[:-1]

    def damaged(self, why: str) -> CorruptStore:
        """The error that tells of the line read last."""
        return CorruptStore(
            f"{self.name}:{self.number}: the recording is damaged: {why}",
            hint="restore the file from version control, or record it again",
        )

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while self.number < len(self._lines):
            value = self._next()
            if not isinstance(value, dict):
                raise self.damaged("expected a JSON object")
            yield self._with_texts(value)

    def _next(self) -> Any:
        if self.number >= len(self._lines):
            raise self.damaged("a text ends too early")
        line = self._lines[self.number]
        self.number += 1
        if len(line) > MAX_LINE:
            raise self.damaged(f"the line is longer than {MAX_LINE} bytes")
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self.damaged("it is not JSON") from error
        if not isinstance(value, str) and line.count(b"[") + line.count(b"{") > MAX_DEPTH:
            self._check_depth(value)
        return value

    def _check_depth(self, value: Any) -> None:
        level = [value]
        for _ in range(MAX_DEPTH):
            level = [
                item
                for outer in level
                for item in (outer.values() if isinstance(outer, dict) else outer)
                if isinstance(item, dict | list)
            ]
            if not level:
                return
        raise self.damaged(f"it is nested deeper than {MAX_DEPTH}")

    def _with_texts(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._with_texts(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "$lines" in value:
            return self._text(value["$lines"])
        if "$raw" in value:
            pairs = value["$raw"]
            if not isinstance(pairs, list) or any(
                not isinstance(p, list) or len(p) != 2 or not isinstance(p[0], str) for p in pairs
            ):
                raise self.damaged("malformed $raw")
            return {k: self._with_texts(v) for k, v in pairs}
        return {k: self._with_texts(v) for k, v in value.items()}

    def _text(self, count: Any) -> str:
        if not isinstance(count, int) or count < 1:
            raise self.damaged("malformed $lines")
        pieces = [self._next() for _ in range(count)]
        if not all(isinstance(piece, str) for piece in pieces):
            raise self.damaged("expected a line of text")
        # The last line of the text has no line end; the writer gave it one.
        return "".join(pieces)[:-1]
