"""Choosing chunks by their metadata: ``{"source": "a.md", "year": {"$gte": 1999}}``.

A value alone must be equal. ``$eq $ne $in $nin $gt $gte $lt $lte`` compare; all that is named must
hold. A key that a chunk lacks is unequal to everything but None. A function of the metadata may
be given as well.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from agentlab.errors import ConfigError
from agentlab.rag.records import Records

Filter: TypeAlias = Mapping[str, Any] | Callable[[dict[str, Any]], bool]

_COMPARED = {
    "$eq": "json_extract(metadata, ?) IS ?",
    "$ne": "json_extract(metadata, ?) IS NOT ?",
    "$gt": "json_extract(metadata, ?) > ?",
    "$gte": "json_extract(metadata, ?) >= ?",
    "$lt": "json_extract(metadata, ?) < ?",
    "$lte": "json_extract(metadata, ?) <= ?",
    "$in": "json_extract(metadata, ?) IN (SELECT value FROM json_each(?))",
    "$nin": "ifnull(json_extract(metadata, ?) NOT IN (SELECT value FROM json_each(?)), 1)",
}


def matching_rows(records: Records, filter: Filter) -> list[int]:
    """The rows whose metadata ``filter`` lets through, ascending.

    Raises:
        ConfigError: it is not a filter.
    """
    if callable(filter):
        rows = records.query("SELECT row, metadata FROM chunks ORDER BY row")
        return [row for row, metadata in rows if filter(json.loads(metadata))]
    conditions, parameters = _conditions(filter)
    # Only phrases of the table above are put together: all that is the user's is a parameter.
    sql = f"SELECT row FROM chunks WHERE {' AND '.join(conditions) or '1'} ORDER BY row"  # noqa: S608
    return [row for (row,) in records.query(sql, parameters)]


def check_filter(filter: Filter | None) -> None:
    """Refuse what is not a filter.

    Raises:
        ConfigError: names what is wrong.
    """
    if filter is not None and not callable(filter):
        _conditions(filter)


def _conditions(filter: Mapping[str, Any]) -> tuple[list[str], list[Any]]:
    if not isinstance(filter, Mapping):
        raise ConfigError(f"a filter is a mapping or a function, not {type(filter).__name__}")
    conditions: list[str] = []
    parameters: list[Any] = []
    for key, wanted in filter.items():
        if not isinstance(key, str) or not key or '"' in key or "\\" in key:
            raise ConfigError(f"{key!r} is no key of metadata that can be looked for")
        if key.startswith("$"):
            raise ConfigError(
                f"a filter begins with a key of the metadata, not with {key!r}",
                hint='write {"year": {"$gte": 1999}}',
            )
        tests = wanted if isinstance(wanted, Mapping) else {"$eq": wanted}
        for operator, value in tests.items():
            conditions.append(_condition(operator))
            parameters += [f'$."{key}"', _value(key, operator, value)]
    return conditions, parameters


def _condition(operator: Any) -> str:
    found = _COMPARED.get(operator)
    if found is None:
        near = difflib.get_close_matches(str(operator), _COMPARED, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"use {' '.join(_COMPARED)}"
        raise ConfigError(f"a filter has no comparison {operator!r}", hint=hint)
    return found


def _value(key: str, operator: str, value: Any) -> Any:
    if operator in ("$in", "$nin"):
        if not isinstance(value, list | tuple | set | frozenset):
            raise ConfigError(f"{operator} of {key!r} needs a list, not {type(value).__name__}")
        return json.dumps(list(value))
    if value is not None and not isinstance(value, str | int | float):
        raise ConfigError(f"{key!r} cannot be compared with a {type(value).__name__}")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ConfigError(f"{key!r} cannot be compared with a number of more than 64 bits")
    return value
