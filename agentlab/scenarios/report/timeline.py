"""A scenario's steps as the page shows them: what is new in each, and how long it took."""

from __future__ import annotations

import json
from typing import Any

_LOOK_BACK = 8  # model calls whose messages a later one may repeat


def with_timeline(scenario: dict[str, Any]) -> None:
    """Add to each step what the page needs.

    ``bar`` is its share of the longest step in percent. Of a model's request, ``known`` messages
    are those that step ``known_from`` had sent already; ``added`` are the others.
    """
    steps = scenario["steps"]
    longest = max((step["recorded_seconds"] for step in steps), default=0.0)
    sent: list[tuple[int, list[str]]] = []
    for step in steps:
        share = step["recorded_seconds"] / longest if longest else 0.0
        step["bar"] = round(100 * share, 1)
        if not step["made"]:
            continue
        marks = step["request"]["messages"]
        known, step["known_from"] = _most_shared(marks, sent)
        step["known"] = known
        step["added"] = [
            {"index": index, **scenario["messages"][mark]}
            for index, mark in enumerate(marks)
            if index >= known
        ]
        if step["kind"] == "model":
            sent.append((step["step"], marks))


def _most_shared(marks: list[str], sent: list[tuple[int, list[str]]]) -> tuple[int, int]:
    best = (0, 0)
    for number, earlier in sent[-_LOOK_BACK:]:
        shared = 0
        for one, other in zip(marks, earlier, strict=False):
            if one != other:
                break
            shared += 1
        best = max(best, (shared, number))
    return best


def message_parts(form: dict[str, Any]) -> tuple[str, list[str]]:
    """A message's text and its tool calls, each as ``name({…})``."""
    calls = [*form.get("tool_calls", ()), *form.get("invalid_tool_calls", ())]
    text = as_text(form.get("content", ""))
    return text, [f"{call['name']}({as_text(call['args'], indent=None)})" for call in calls]


def answer(step: dict[str, Any]) -> dict[str, Any]:
    """What came of a step: ``error``, ``text``, ``calls`` and ``documents``, some of them empty."""
    shown: dict[str, Any] = {"error": "", "text": "", "calls": [], "documents": []}
    reply = step["reply"]
    if step["error"] is not None:
        shown["error"] = step["answer"]
    elif step["kind"] == "model":
        shown["text"], shown["calls"] = message_parts(reply["message"])
    elif isinstance(reply, dict) and reply.get("$") == "message":
        shown["text"] = as_text(reply["v"].get("content", ""))
    elif isinstance(reply, list) and reply and all(_is_document(item) for item in reply):
        shown["documents"] = [item["v"] for item in reply]
    elif step["kind"] == "embed":
        shown["text"] = _vectors(reply)
    else:
        shown["text"] = step["answer"]
    return shown


def _is_document(value: Any) -> bool:
    return isinstance(value, dict) and value.get("$") == "document"


def _vectors(reply: Any) -> str:
    nested = isinstance(reply, list) and bool(reply) and isinstance(reply[0], dict | list)
    return f"{len(reply):,} vectors" if nested else "a vector"


def about(document: dict[str, Any]) -> str:
    """All of a document but its text, in one line: ``source: manual.md; page: 3``."""
    fields = {name: value for name, value in document.items() if name not in ("text", "metadata")}
    metadata = document.get("metadata")
    if isinstance(metadata, dict):
        fields = {**metadata, **fields}
    elif metadata:
        fields["metadata"] = metadata
    return "; ".join(f"{name}: {as_text(value, indent=None)}" for name, value in fields.items())


def as_text(value: Any, indent: int | None = 2) -> str:
    """A text as it is, other values as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=indent)
