"""JSON schemas, checked when they are read. Nothing is fetched from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agentlab.scenarios.expectations.base import Place, wrong
from agentlab.scenarios.expectations.text import REGEX_SECONDS


def validator_of(schema: Any, place: Place) -> Any:
    """The validator of ``schema``, by the draft it names, else 2020-12.

    Raises:
        ScenarioError: it is no JSON schema, or refers to what is not in it.
    """
    import jsonschema
    import regex
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    kind = validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise wrong(place, f"not a JSON schema: {error.json_path}: {error.message}") from error
    except RecursionError as error:
        raise wrong(place, "the schema is nested too deeply") from error
    # Without a registry of our own, jsonschema would fetch what a $ref names.
    registry: Any = Registry()
    resource = DRAFT202012.create_resource(schema)
    resolver = registry.resolver_with_root(resource)
    for name, value in _members(schema):
        if not isinstance(value, str):
            continue
        if name == "$ref" and not value.startswith("#"):
            raise wrong(place, f"the schema refers to {value!r}: nothing is fetched", "use $defs")
        if name == "$ref":
            try:
                resolver.lookup(value)
            except (Unresolvable, ValueError) as error:
                raise wrong(place, f"the schema refers to {value!r}, which is not in it") from error
        if name == "pattern":
            try:
                regex.compile(value)
            except regex.error as error:
                raise wrong(place, f"not a pattern: {value!r}: {error}") from error
    extend: Any = jsonschema.validators.extend
    timed = extend(kind, {"pattern": _pattern})
    return timed(schema, registry=registry)


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
