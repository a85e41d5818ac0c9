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
_MODEL = {"type": "string", "minLength": 1}
_TOOL = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": {"type": "object"},
        },
    ]
}
_TOOLS = {"type": "array", "items": _TOOL}
_COUNT = {"anyOf": [_NUMBER, _MATCHER]}
_LIMIT = {"anyOf": [{"type": "number", "minimum": 0}, _MATCHER]}
_LEAST = {"anyOf": [_SHARE, _MATCHER]}
_NAMES = _many(_WORD)
_RUN: dict[str, Any] = {
    "similar": {
        "description": "like this text, by the cosine of their embeddings",
        **_mapping(
            {
                "to": {"type": "string"},
                "min": {"type": "number", "minimum": -1, "maximum": 1},
                "model": _MODEL,
            },
            "to",
        ),
    },
    "judge": {
        "description": "a model says yes, with at least this probability",
        **_mapping({"ask": {"type": "string"}, "model": _MODEL, "p": _SHARE}, "ask"),
    },
    "logprob": {
        "description": "how sure the model was of its answer",
        **_mapping({"min_agree": _SHARE, "min_mean": {"type": "number", "maximum": 0}}),
    },
    "trajectory": {
        "description": "which tools were called",
        **_mapping(
            {
                "exact": {"description": "these calls and no others", **_TOOLS},
                "in_order": {"description": "these in this order", **_TOOLS, "minItems": 1},
                "any_order": {"description": "these in any order", **_TOOLS, "minItems": 1},
                "subset": {"description": "none but these", **_TOOLS},
                "never": {"description": "none of these", **_TOOLS, "minItems": 1},
                "calls": {
                    "description": "how often each tool is called",
                    "type": "object",
                    "additionalProperties": _COUNT,
                    "minProperties": 1,
                },
                "no_repeat": {"description": "no call twice, arguments included", "const": True},
            }
        ),
    },
    "memory": {"description": "the text that the memory showed the model", **_MATCHER},
    "retrieved": {
        "description": "what was retrieved, against what should be",
        **_mapping(
            {
                "recall": _LEAST,
                "precision": _LEAST,
                "mrr": _LEAST,
                "k": {"type": "integer", "minimum": 1},
                "spans": _NAMES,
                "docs": _NAMES,
            }
        ),
        "oneOf": [{"required": ["spans"]}, {"required": ["docs"]}],
    },
    "cites": {
        "description": "what the answer cites",
        **_mapping({"only": {"const": "retrieved"}, "spans": _NAMES, "grounded": _LEAST}),
    },
    "budget": {
        "description": "the most a run may cost; seconds are the recording's",
        **_mapping(
            dict.fromkeys(
                ("tokens", "prompt_tokens", "model_calls", "tool_calls", "seconds", "usd"), _LIMIT
            )
        ),
    },
    "stream": {
        "description": "the pieces in which the answer came",
        **_mapping({"chunks": _COUNT, "joined": {"const": True}}),
    },
    "code": {
        "description": "a function of the project: module:function",
        "type": "string",
        "pattern": r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$",
    },
}
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
