"""JSON, and JSON schemas, as strict as they are meant. Nothing is fetched from elsewhere."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

REGEX_SECONDS = 1.0  # for a pattern to match
_VALUES = ("const", "enum", "default", "examples")  # no schemas, whatever their members are called


class WrongSchema(ValueError):
    """It is no JSON schema, or refers to what is not in it."""


class Misfit(ValueError):
    """A value does not fit its schema: where, and why."""


def read_json(text: str) -> Any:
    """The value that ``text`` is.

    Raises:
        ValueError, RecursionError: it is not JSON: also where only Python takes it for that (NaN,
            a number beyond all floats, half a character), or has a name twice.
    """
    value = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_object)
    check_value(value)
    return value


def check_value(value: Any) -> None:
    """Look whether ``value`` can be written as JSON.

    Raises:
        ValueError: it cannot.
    """
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"it has half a character, {error.object[error.start]!r}") from None
    except ValueError:
        raise ValueError("it has a number that is none, or is too large") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for n, name in enumerate(names) if name in names[:n])
        raise ValueError(f"it has {twice!r} twice")
    return found


def check_fit(value: Any, schema: Mapping[str, Any]) -> None:
    """Look whether ``value`` fits ``schema``, its formats too, by the draft it names, else 2020-12.

    Raises:
        Misfit: it does not.
        WrongSchema: ``schema`` is none.
    """
    from jsonschema.exceptions import best_match
    from referencing.exceptions import Unresolvable

    try:
        found = best_match(validator_of(schema).iter_errors(value))
    except Unresolvable as error:
        raise WrongSchema(f"it refers to {error.ref!r}, which is not in it") from error
    except RecursionError as error:
        raise WrongSchema("it is nested too deeply, or refers to itself in a circle") from error
    except TimeoutError as error:
        raise Misfit("a pattern takes too long to match it") from error
    if found is not None:
        raise Misfit(f"{found.json_path}: {found.message}")


def validator_of(schema: Mapping[str, Any]) -> Any:
    """jsonschema's validator of ``schema``, by the draft it names, else 2020-12.

    Raises:
        WrongSchema: it is no JSON schema, or refers to what is not in it.
    """
    try:
        text = json.dumps(schema)
    except RecursionError:
        raise WrongSchema("it is nested too deeply") from None
    except (TypeError, ValueError) as error:
        raise WrongSchema(str(error)) from error
    return _validator(text)


@functools.lru_cache(maxsize=256)
def _validator(text: str) -> Any:
    import jsonschema
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.jsonschema import DRAFT202012

    schema = json.loads(text)
    kind = validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
        # Without a registry of our own, jsonschema would fetch what a $ref names.
        registry: Any = Registry()
        resolver = registry.resolver_with_root(DRAFT202012.create_resource(schema))
        for name, value in _members(schema):
            if isinstance(value, str):
                _check_member(name, value, resolver)
    except jsonschema.SchemaError as error:
        raise WrongSchema(f"{error.json_path}: {error.message}") from error
    except RecursionError:
        raise WrongSchema("it is nested too deeply") from None
    extend: Any = jsonschema.validators.extend
    own = extend(kind, {"pattern": _pattern, "multipleOf": _multiple_of})
    return own(schema, registry=registry, format_checker=kind.FORMAT_CHECKER)


def _check_member(name: str, value: str, resolver: Any) -> None:
    import regex
    from referencing.exceptions import Unresolvable

    if name == "pattern":
        try:
            regex.compile(_of_ecma(value))
        except regex.error as error:
            raise WrongSchema(f"{value!r} is no pattern: {error}") from error
    elif name in ("$ref", "$dynamicRef"):
        if not value.startswith("#"):
            raise WrongSchema(f"it refers to {value!r}, and nothing is fetched: use $defs")
        seen = {value}
        try:
            found = resolver.lookup(value).contents
            while isinstance(found, Mapping) and isinstance(further := found.get(name), str):
                if further in seen:
                    raise WrongSchema(f"its {value!r} refers to itself in a circle")
                seen.add(further)
                found = resolver.lookup(further).contents
        except Unresolvable as error:
            raise WrongSchema(f"it refers to {value!r}, which is not in it") from error


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
    import jsonschema
    import regex

    if validator.is_type(instance, "string") and not regex.search(
        _of_ecma(pattern), instance, timeout=REGEX_SECONDS
    ):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


def _of_ecma(pattern: str) -> str:
    """``pattern`` for Python, whose ``$`` matches before a last line break too."""
    written, at, in_class = [], 0, False
    while at < len(pattern):
        sign = pattern[at : at + 2] if pattern[at] == "\\" else pattern[at]
        in_class = (in_class or sign == "[") and sign != "]"
        written.append(r"\Z" if sign == "$" and not in_class else sign)
        at += len(sign)
    return "".join(written)


def _multiple_of(validator: Any, unit: Any, instance: Any, schema: Any) -> Iterator[Any]:
    """As the numbers are written: 19.99 is a multiple of 0.01, which is no sum of powers of two."""
    import jsonschema

    endless = isinstance(instance, float) and not math.isfinite(instance)
    if not validator.is_type(instance, "number") or endless:
        return
    if Fraction(str(instance)) % Fraction(str(unit)):
        yield jsonschema.ValidationError(f"{instance!r} is not a multiple of {unit!r}")


def _members(schema: Any) -> Iterator[tuple[str, Any]]:
    stack = [schema]
    while stack:
        value = stack.pop()
        if isinstance(value, Mapping):
            yield from value.items()
            stack += [member for name, member in value.items() if name not in _VALUES]
        elif isinstance(value, list):
            stack += value
