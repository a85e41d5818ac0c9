"""What the JSON schema of an argument says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_NOT_WRITTEN_OUT = {"string", "null"}


def takes_text(schema: Mapping[str, Any]) -> bool:
    """Whether what is written for the argument is a text as it stands: ``007``, ``true``.

    So it is where a text is allowed and, but for null, nothing else: ``str | None``, ``Literal``.
    """
    kinds = set(_kinds(schema))
    return "string" in kinds and kinds <= _NOT_WRITTEN_OUT


def takes_null(schema: Mapping[str, Any]) -> bool:
    """Whether the argument may be null."""
    return "null" in _kinds(schema)


def _kinds(schema: Mapping[str, Any]) -> Iterator[str]:
    told = schema.get("type")
    yield from [told] if isinstance(told, str) else told or ()
    if told is None:
        for value in [schema["const"]] if "const" in schema else schema.get("enum", ()):
            yield "null" if value is None else "string" if isinstance(value, str) else "other"
    for key in ("anyOf", "oneOf"):
        for one in schema.get(key, ()):
            yield from _kinds(one)
