"""What changes with every recording of the same run, for the last line of its file.

Times, token counts and the identifiers of tool calls would otherwise change the line of each step.
The identifier of an answer is not kept, as that of a message is not: only how it begins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agentlab.recording.columns import form_of, read_table, write_table
from agentlab.recording.steps import Step

# Parts of a model's reply (see agentlab.recording.replies), and of its metadata.
_METADATA = ("token_usage", "system_fingerprint", "created", "created_at", "completed_at")
_PLACES = (("output",), ("info",), ("extra", "response_metadata"))
_RANDOM = re.compile(r"(?=[^-_]*\d)[A-Za-z0-9]{16,}$|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


def with_stable_id(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of an answer's metadata; of its ``id`` (``chatcmpl-…``) only the beginning stays."""
    fields = dict(metadata)
    if isinstance(fields.get("id"), str):
        fields["id"] = _RANDOM.sub("recorded", fields["id"])
    return fields


def without(reply: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A model's reply without what varies, and that: a mapping with the same places."""
    rest, taken = dict(reply), {}
    if "ids" in rest:
        taken["ids"] = rest.pop("ids")
    for place in _PLACES:
        found = _at(rest, place)
        varying = {name: found[name] for name in _METADATA if name in found}
        if varying:
            _put(rest, place, {k: v for k, v in found.items() if k not in varying})
            _put(taken, place, varying)
    return rest, taken


def _at(value: Any, place: Sequence[str]) -> Mapping[str, Any]:
    for name in place:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) and "$" not in value else {}


def _put(value: dict[str, Any], place: Sequence[str], part: Any) -> None:
    for name in place[:-1]:
        value[name] = value = dict(value.get(name, {}))
    value[place[-1]] = part


def merged(reply: Mapping[str, Any], taken: Mapping[str, Any]) -> dict[str, Any]:
    """The reply that :func:`without` was given."""
    result = dict(reply)
    for name, part in taken.items():
        old = result.get(name)
        both = isinstance(part, Mapping) and isinstance(old, Mapping)
        result[name] = merged(old, part) if both else part  # type: ignore[arg-type]
    return result


def write_end(steps: Sequence[Step]) -> dict[str, Any]:
    """The last line: milliseconds, and tables of what varies in the steps, one a form of it."""
    line: dict[str, Any] = {"end": len(steps), "ms": [_ms(step.latency) for step in steps]}
    tables: dict[str, dict[int, dict[str, Any]]] = {}
    for number, step in enumerate(steps, 1):
        row: dict[str, Any] = {}
        if step.usage is not None:
            row["usage"] = step.usage
        if step.likelihood is not None:
            row["likelihood"] = step.likelihood
        if step.kind == "model" and isinstance(step.reply, Mapping):
            row |= without(step.reply)[1]
        calls = {"ids": row.pop("ids")} if "ids" in row else {}
        for part in (row, calls):  # apart, since the number of calls differs from step to step
            if part:
                tables.setdefault(form_of(part), {})[number] = part
    if tables:
        line["tables"] = [
            {"steps": _ranges([*rows]), **write_table([*rows.values()])}
            for rows in sorted(tables.values(), key=lambda rows: next(iter(rows)))
        ]
    return line


def read_end(line: Mapping[str, Any], steps: Sequence[Step]) -> None:
    """Give ``steps`` back what :func:`write_end` wrote.

    Raises:
        KeyError, TypeError, ValueError, IndexError, AttributeError: the line is malformed.
    """
    for step, ms in zip(steps, line["ms"], strict=True):
        step.latency = ms / 1000
    for table in line.get("tables", ()):
        numbers = _numbers(table["steps"], len(steps))
        for number, row in zip(numbers, read_table(table, len(numbers)), strict=True):
            step = steps[number - 1]
            if "usage" in row:
                step.usage = row.pop("usage")
            if "likelihood" in row:
                step.likelihood = row.pop("likelihood")
            if row:
                step.reply = merged(step.reply, row)


def _ms(seconds: float) -> int | float:
    """Whole milliseconds; below 10 with one digit more."""
    ms = seconds * 1000
    return round(ms) if ms >= 10 or round(ms, 1).is_integer() else round(ms, 1)


def _ranges(numbers: Sequence[int]) -> list[list[int]]:
    """Numbers that go up as ``[first, last, step]``."""
    ranges: list[list[int]] = []
    for number in numbers:
        last = ranges[-1] if ranges else []
        if len(last) == 1:
            last += [number, number - last[0]]
        elif last and number - last[1] == last[2]:
            last[1] = number
        else:
            ranges.append([number])
    return ranges


def _numbers(ranges: Sequence[Sequence[int]], most: int) -> list[int]:
    found: list[int] = []
    for one in ranges:
        first, last, by = one if len(one) > 1 else (one[0], one[0], 1)
        if not 1 <= first <= last <= most:
            raise ValueError(f"steps {one} of {most}")
        found += range(first, last + 1, by)
    return found
