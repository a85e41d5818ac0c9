"""The arguments of tool calls, as a local model is held to them while it decodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# One line of JSON, as in the engine's own schemas. A keyword that cannot be kept to while decoding
# is left to the tool, which checks its arguments and tells the model what is wrong.
LAYOUT = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    "lenient": True,
}
# Of an argument whose schema sets no bound.
_LONGEST_TEXT = 2_000  # characters
_LONGEST_LIST = 50  # items
_MARGIN = 16  # characters of a token
_BOUNDS = {"maxLength", "enum", "const", "pattern", "format"}  # of a text


def bounded(schema: Any) -> Any:
    """``schema`` with an end: texts and lists have a length, objects no other keys than theirs."""
    if isinstance(schema, list):
        return [bounded(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    changed = {
        key: _each(value) if key in ("properties", "$defs", "definitions") else bounded(value)
        for key, value in schema.items()
        if key not in ("default", "examples", "title", "description")
    }
    for key in ("const", "enum"):
        if key in schema:
            changed[key] = schema[key]
    free = not changed.keys() & _BOUNDS
    if changed.get("type") == "string" and free:
        changed["maxLength"] = _LONGEST_TEXT
    if changed.get("type") == "array":
        changed.setdefault("maxItems", max(_LONGEST_LIST, int(changed.get("minItems", 0))))
    if changed.get("type") == "object" and "properties" in changed:
        changed.setdefault("additionalProperties", False)
    return changed


def _each(schemas: Any) -> Any:
    """The schemas in a mapping by name; a name may be any keyword's."""
    if not isinstance(schemas, Mapping):
        return schemas
    return {name: bounded(schema) for name, schema in schemas.items()}


def filled(args: Mapping[str, Any], properties: Mapping[str, Any]) -> list[str]:
    """Which of ``args`` fill, or nearly, the room that :func:`bounded` gave them.

    The last token that would have fitted in may have been too long for it. ``properties`` are the
    tool's own schemas: what sets a bound itself may be filled.
    """
    return [
        name
        for name, value in args.items()
        if (isinstance(value, str) and len(value) >= _LONGEST_TEXT - _MARGIN)
        or (isinstance(value, list) and len(value) >= _LONGEST_LIST)
        if _is_unbounded(properties.get(name, {}))
    ]


def _is_unbounded(schema: Mapping[str, Any]) -> bool:
    """Whether a text or list that ``schema`` allows has no end of its own."""
    alternatives = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    if any(map(_is_unbounded, alternatives)):
        return True
    return (schema.get("type") == "string" and not schema.keys() & _BOUNDS) or (
        schema.get("type") == "array" and "maxItems" not in schema
    )
