"""JSON schemas, checked when they are read. Nothing is fetched from elsewhere."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from agentlab.scenarios.expectations.base import Place, wrong
from agentlab.scenarios.expectations.text import REGEX_SECONDS


def validator_of(schema: Any, place: Place) -> Any:
    """The validator of ``schema``, by the draft it names, else 2020-12.

    Raises:
        ScenarioError: it is no JSON schema, or refers to what is not in it.
    """
    try:
        return _validator(json.dumps(schema))
    except (_WrongSchema, RecursionError) as error:
        told = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise wrong(place, f"not a JSON schema: {told}") from error
    except TypeError as error:  # a date, which YAML has and JSON has not
        raise wrong(place, f"not a JSON schema: {error}", "quote the value") from error


class _WrongSchema(ValueError):
    pass


@functools.lru_cache(maxsize=256)  # scenarios of one file often share a schema
def _validator(text: str) -> Any:
    import jsonschema
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.jsonschema import DRAFT202012

    schema = json.loads(text)
    kind = validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise _WrongSchema(f"{error.json_path}: {error.message}") from error
    # Without a registry of our own, jsonschema would fetch what a $ref names.
    registry: Any = Registry()
    resolver = registry.resolver_with_root(DRAFT202012.create_resource(schema))
    for name, value in _members(schema):
        if isinstance(value, str):
            _check_member(name, value, resolver)
    extend: Any = jsonschema.validators.extend
    return extend(kind, {"pattern": _pattern})(schema, registry=registry)


def _check_member(name: str, value: str, resolver: Any) -> None:
    import regex
    from referencing.exceptions import Unresolvable

    if name == "pattern":
        try:
            regex.compile(value)
        except regex.error as error:
            raise _WrongSchema(f"{value!r} is no pattern: {error}") from error
    elif name == "$ref":
        if not value.startswith("#"):
            raise _WrongSchema(f"it refers to {value!r}, and nothing is fetched: use $defs")
        try:
            resolver.lookup(value)
        except (Unresolvable, ValueError) as error:
            raise _WrongSchema(f"it refers to {value!r}, which is not in it") from error


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
    import jsonschema
    import regex

    if validator.is_type(instance, "string") and not regex.search(
        pattern, instance, timeout=REGEX_SECONDS
    ):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


def _members(schema: Any) -> Iterator[tuple[str, Any]]:
    stack = [schema]
    while stack:
        value = stack.pop()
        if isinstance(value, Mapping):
            yield from value.items()
            stack += value.values()
        elif isinstance(value, list):
            stack += value
