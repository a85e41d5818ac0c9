"""What the Action of a step names: a tool, an answer, or nothing; also where it is one object."""

from __future__ import annotations

import json
import re
from typing import Any

ANSWER_AS_ACTION = re.compile(
    r"[*_`\"' ]*final[ _]?answer\b[*_`\"' ]*[:：]?(?P<said>.*)", re.I | re.S
)
_NONE = re.compile(r"(?:none|no|nothing|n/?a|null|not)\b", re.IGNORECASE)


def first_line(text: str) -> str:
    """The first line of ``text`` with something in it, but for the marks of a code fence."""
    lines = (line for line in text.splitlines() if line.strip())
    return next((line for line in lines if not re.fullmatch(r"\s*`{3,}\w*\s*", line)), "")


def is_none(name: str) -> bool:
    """Whether ``name`` is a word for no tool, or for the answer."""
    return not plain(name) or plain(name) == "finalanswer" or bool(_NONE.match(name))


def as_object(text: str) -> tuple[str, str] | None:
    """A call that is written as one object: ``{"action": "search", "action_input": …}``."""
    value: Any = None
    try:
        value = json.loads(text) if text.startswith("{") else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    name = next((value[key] for key in ("action", "name", "tool") if key in value), None)
    keys = ("action_input", "arguments", "args", "parameters", "input")
    given: Any = next((value[key] for key in keys if key in value), {})
    if not isinstance(name, str):
        return None
    return name, given if isinstance(given, str) else json.dumps(given)


def split_name(line: str) -> tuple[str, str]:
    """A tool's name and what stands behind it on its line: ``search("a")``, ``search[a]``."""
    bare = line.strip().strip("*_`\"' ")
    match = re.match(r"[\w.-]+", bare)
    if match is None or match.end() == len(bare):
        return bare, ""
    rest = bare[match.end() :].strip("*_`\"' ")
    if rest[:1] in "([" and rest[-1:] in ")]":
        return match[0], rest[1:-1]
    inline = re.match(r"[,;]?\s*(?:with\s+)?action[ _]?input\s*[:：]", rest, re.IGNORECASE)
    return (match[0], rest[inline.end() :]) if inline else (bare, "")


def plain(name: str) -> str:
    """The letters and digits of ``name``, all small."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
