"""The JSON schema of what may stand under ``expect:``, for editors."""

from __future__ import annotations

from typing import Any

_VALUE = {"$ref": "#/$defs/value"}
_MATCHER = {"$ref": "#/$defs/matcher"}
_EXPECT = {"$ref": "#/$defs/expect"}
_NUMBER = {"type": "number"}
_WORD = {"anyOf": [{"type": "string", "minLength": 1}, {"type": "integer"}]}
_WORDS = {"anyOf": [_WORD, {"type": "array", "items": _WORD, "minItems": 1}]}
_PATTERN = {"type": "string", "format": "regex"}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}


def _mapping(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "minProperties": 1,
    }
    return made | ({"required": list(required)} if required else {})


def _many(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": 1}


_TEXT: dict[str, Any] = {
    "equals": {"description": "exactly this text, or this value"},
    "contains": {"description": "this text, or all of these", **_WORDS},
    "icontains": {"description": "as contains, in any case", **_WORDS},
    "startswith": {"description": "begins with this text", **_WORD},
    "regex": {
        "description": "this regular expression is found, or all of these",
        "anyOf": [_PATTERN, _many(_PATTERN)],
    },
    "lines": {
        "description": "how many lines are not blank, or one matcher for each",
        "anyOf": [{"type": "integer"}, _MATCHER, {"type": "array", "items": _VALUE}],
    },
}
_DATA: dict[str, Any] = {
    "json": {"description": "exactly this JSON; matchers may stand inside"},
    "schema": {
        "description": "a JSON schema, or its file in the project",
        "anyOf": [{"type": "string"}, {"type": "object"}, {"type": "boolean"}],
    },
    "at": {
        "description": "what JSONPaths select",
        "type": "object",
        "propertyNames": {"pattern": r"^\$"},
        "additionalProperties": _VALUE,
        "minProperties": 1,
    },
}
_IN = {"description": "one of these", **_many(_VALUE)}
_MATCHERS: dict[str, Any] = {
    **_TEXT,
    **_DATA,
    "approx": {"description": "a number near this one", **_NUMBER},
    "tol": {"description": "how near, absolute", "type": "number", "minimum": 0},
    "rel": {"description": "how near, as a share of it", "type": "number", "minimum": 0},
    "min": {"description": "at least", **_NUMBER},
    "max": {"description": "at most", **_NUMBER},
    "in": _IN,
    "any": {"description": "one of these holds", **_many(_VALUE)},
    "not": {"description": "this does not hold", **_VALUE},
}
_RUN: dict[str, Any] = {}
_EXPECTATIONS: dict[str, Any] = {
    **_TEXT,
    **_DATA,
    "in": _IN,
    **_RUN,
    "any": {"description": "one of these holds", **_many(_EXPECT)},
    "not": {"description": "this does not hold", **_EXPECT},
}


def json_schema() -> dict[str, Any]:
    """The schema of an ``expect:`` mapping.

    It refers to its own ``$defs`` (``expect``, ``matcher``, ``value``): a schema that takes it in
    puts those under its own ``$defs`` and refers to ``#/$defs/expect``.
    """
    scalar = {"type": ["string", "number", "boolean", "null"]}
    matcher = _mapping(_MATCHERS) | {"dependentRequired": {"tol": ["approx"], "rel": ["approx"]}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": "#/$defs/expect",
        "$defs": {
            "expect": _mapping(_EXPECTATIONS),
            "matcher": matcher,
            "value": {"anyOf": [scalar, _MATCHER]},
        },
    }
