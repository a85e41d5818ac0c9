"""What the JSON schema of an argument says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def stays_text(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether what was written, which as JSON would be ``value``, is a text as it stands.

    So it is where the argument may be a text and may not be such a value: 007 for ``str | None``.
    """
    kinds = set(_kinds(schema))
    return "string" in kinds and not (kinds - {"string"}) & {"any", *_kinds_of(value)}


def _kinds(schema: Mapping[str, Any]) -> Iterator[str]:
    """The types of JSON that ``schema`` allows; "any" where it does not tell."""
    alternatives = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    told = schema.get("type")
    if isinstance(told, str):
        yield told
    elif told is not None:
        yield from told
    elif "const" in schema or "enum" in schema:
        for value in schema.get("enum", [schema.get("const")]):
            yield from _kinds_of(value)
    elif not alternatives:
        yield "any"
    for one in alternatives:
        yield from _kinds(one)


def _kinds_of(value: Any) -> tuple[str, ...]:
    match value:
        case None:
            return ("null",)
        case bool():
            return ("boolean",)
        case int():
            return ("integer", "number")
        case float():
            return ("number",)
        case str():
            return ("string",)
        case list():
            return ("array",)
        case _:
            return ("object",)
