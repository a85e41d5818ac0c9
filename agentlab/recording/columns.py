"""Rows of JSON values, written by column: short where many rows have the same form.

::

    {"form":{"usage":{"input_tokens":0,"output_tokens":1,"total_tokens":2}},
     "columns":[9,[559,558],{"sum":[0,1]}]}

In the form a number stands for a column. A column is a list with a value a row, or the one value
that all rows have, or the sum of two others, or ``{"start": "call_", "rest": ["a1", "b2"]}`` for
texts that begin alike. Places with the same values share a column.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

_MOST = 1_000_000  # rows of a table that is read


def write_table(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """``rows``, JSON objects for which :func:`form_of` is the same, as a table."""
    columns: list[list[Any]] = []
    places: dict[str, int] = {}

    def place(values: Sequence[Any]) -> Any:
        first = values[0]
        if isinstance(first, Mapping):
            return {key: place([value[key] for value in values]) for key in first}
        if isinstance(first, list):
            return [place(column) for column in zip(*values, strict=True)]
        mark = json.dumps(values)
        if mark not in places:
            places[mark] = len(columns)
            columns.append([*values])
        return places[mark]

    form = place(rows)
    return {"form": form, "columns": [_short(i, columns) for i in range(len(columns))]}


def form_of(value: Any) -> str:
    """What is the same for the rows of one table: their keys, and the lengths of their lists."""

    def bare(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: bare(item) for key, item in value.items()}
        return [bare(item) for item in value] if isinstance(value, list) else 0

    return json.dumps(bare(value))


def read_table(table: Mapping[str, Any], count: int) -> list[Any]:
    """The ``count`` rows that :func:`write_table` was given.

    Raises:
        KeyError, TypeError, ValueError, IndexError, AttributeError: the table is malformed.
    """
    if not 0 < count <= _MOST:
        raise ValueError(f"{count} rows")
    columns: list[list[Any]] = []
    for column in table["columns"]:
        columns.append(_long(column, columns, count))

    def filled(form: Any, row: int) -> Any:
        if isinstance(form, Mapping):
            return {key: filled(part, row) for key, part in form.items()}
        if isinstance(form, list):
            return [filled(part, row) for part in form]
        return columns[form][row]

    return [filled(table["form"], row) for row in range(count)]


def _short(index: int, columns: Sequence[list[Any]]) -> Any:
    values = columns[index]
    if all(_same(value, values[0]) for value in values):
        return values[0]
    for one, other in itertools.combinations(range(min(index, 6)), 2):
        if _sum(columns[one], columns[other]) == values:
            return {"sum": [one, other]}
    if all(type(value) is str for value in values):
        start = _start(values)
        if start:
            return {"start": start, "rest": [value[len(start) :] for value in values]}
    return values


def _start(texts: Sequence[str]) -> str:
    """What all ``texts`` begin with."""
    low, high = min(texts), max(texts)
    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(low, high, strict=False))
    return "".join(one for one, _ in same)


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _sum(one: Sequence[Any], other: Sequence[Any]) -> list[int] | None:
    if not all(type(value) is int for value in (*one, *other)):
        return None
    return [a + b for a, b in zip(one, other, strict=True)]


def _long(column: Any, before: Sequence[list[Any]], count: int) -> list[Any]:
    if isinstance(column, Mapping) and "sum" in column:
        one, other = column["sum"]
        return [a + b for a, b in zip(before[one], before[other], strict=True)]
    if isinstance(column, Mapping):
        values = [column["start"] + part for part in column["rest"]]
    elif isinstance(column, list):
        values = column
    else:
        return [column] * count
    if len(values) != count:
        raise ValueError(f"{len(values)} values for {count} rows")
    return values
