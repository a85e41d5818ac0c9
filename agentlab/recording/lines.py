"""JSON values as lines, and back: long texts get lines of their own, so that diffs stay small.

A long string in a value is written as ``{"$text": hash}``; the text stands before the value that
first needs it, once::

    {"text":"5d1c…","lines":2}
    "You are a careful assistant.\\n"
    "Answer in one sentence."

A line ends where the text's own line ends; a longer one is cut after a sentence or at a word picked
by its hash, so that an edit moves no cut beyond its neighbourhood.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from typing import Any

from agentlab.errors import CorruptStore
from agentlab.recording.hashing import digest

LONG = 100  # characters: shorter strings stay in their value
LINE = 160  # a paragraph up to this length is one line
MOST = 240  # of one line
MAX_DEPTH = 64
MAX_LINE = 16 * 1024 * 1024

_dumps = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
_ascii = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode
_PARAGRAPH = re.compile(r"[^\n]*\n|[^\n]+")
_WORD = re.compile(r"\S+\s*|\s+")


class LineWriter:
    """Collects the lines of values, without line ends."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._texts: set[str] = set()

    def put(self, value: Any) -> None:
        """Add a value, after the texts in it that were not written yet."""
        value = self._without_texts(value)
        self.lines.append(_line(value))

    def _without_texts(self, value: Any) -> Any:
        if isinstance(value, str):
            return value if len(value) <= LONG else {"$text": self._text(value)}
        if isinstance(value, list):
            return [self._without_texts(item) for item in value]
        if isinstance(value, dict):
            # A mapping of the user's own that looks like one of ours.
            if "$text" in value or "$raw" in value:
                return {"$raw": [[k, self._without_texts(v)] for k, v in value.items()]}
            return {k: self._without_texts(v) for k, v in value.items()}
        return value

    def _text(self, text: str) -> str:
        mark = digest(text)
        if mark not in self._texts:
            self._texts.add(mark)
            pieces = [_line(piece) for piece in split(text)]
            self.lines += [_line({"text": mark, "lines": len(pieces)}), *pieces]
        return mark


def _line(value: Any) -> str:
    line = _dumps(value)
    try:
        line.encode()
    except UnicodeEncodeError:  # half of a surrogate pair: only an escape can hold it
        return _ascii(value)
    return line


def split(text: str) -> Iterator[str]:
    """``text`` in pieces of at most ``MOST`` characters; joined they are the text."""
    for paragraph in _PARAGRAPH.findall(text):
        if len(paragraph) <= LINE:
            yield paragraph
        else:
            yield from _pieces(paragraph)


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
        self._texts: dict[str, str] = {}
        self._refers = False

    def damaged(self, why: str) -> CorruptStore:
        """The error that tells of the line read last."""
        return CorruptStore(
            f"{self.name}:{max(self.number, 1)}: the recording is damaged: {why}",
            hint="restore the file from version control, or record it again",
        )

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while self.number < len(self._lines):
            value = self._next()
            if "text" in value:
                self._take_text(value)
            else:
                yield self._with_texts(value) if self._refers else value

    def _next(self) -> dict[str, Any]:
        line = self._lines[self.number]
        self.number += 1
        if len(line) > MAX_LINE:
            raise self.damaged(f"the line is longer than {MAX_LINE} bytes")
        value = self._parsed(line)
        if not isinstance(value, dict):
            raise self.damaged("expected a JSON object")
        if line.count(b"[") + line.count(b"{") > MAX_DEPTH:
            self._check_depth(value)
        self._refers = b'"$' in line
        return value

    def _parsed(self, line: bytes) -> Any:
        try:
            return json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self.damaged("it is not JSON") from error

    def _take_text(self, head: dict[str, Any]) -> None:
        mark, count = head["text"], head.get("lines")
        if not isinstance(mark, str) or not isinstance(count, int) or count < 1:
            raise self.damaged("malformed text")
        lines = self._lines[self.number : self.number + count]
        if len(lines) < count:
            self.number = len(self._lines)
            raise self.damaged("a text ends too early")
        try:
            text = "".join(json.loads(b"[" + b",".join(lines) + b"]"))
        except (ValueError, TypeError, RecursionError) as error:
            raise self._damage_in(lines) from error
        self.number += count
        if digest(text) != mark:
            raise self.damaged("the text is not what its hash says")
        self._texts[mark] = text

    def _damage_in(self, lines: list[bytes]) -> CorruptStore:
        for line in lines:
            self.number += 1
            if not isinstance(self._parsed(line), str):
                break
        return self.damaged("expected a line of text")

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
        if "$text" in value:
            text = self._texts.get(value["$text"]) if isinstance(value["$text"], str) else None
            if text is None:
                raise self.damaged(f"the text {value['$text']!r} is missing")
            return text
        if "$raw" in value:
            pairs = value["$raw"]
            if not isinstance(pairs, list) or any(
                not isinstance(p, list) or len(p) != 2 or not isinstance(p[0], str) for p in pairs
            ):
                raise self.damaged("malformed $raw")
            return {k: self._with_texts(v) for k, v in pairs}
        return {k: self._with_texts(v) for k, v in value.items()}
