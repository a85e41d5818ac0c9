"""Python values as JSON and back. Nothing is imported or run to make a value again.

What JSON lacks becomes ``{"$": type, "v": …}``. :func:`encode` refuses what it cannot make again;
:func:`plain`, for requests, only has to tell equal from different, so it takes everything.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import enum
import fractions
import math
import pathlib
import struct
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from agentlab.errors import CorruptStore, NotRecordable


def encode(value: Any, what: str = "a result") -> Any:
    """``value`` as JSON that :func:`decode` makes again.

    Raises:
        NotRecordable: ``value`` holds an object that is not data.
    """
    kind = type(value)
    if value is None or kind in (bool, str, int):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"$": "float", "v": repr(value)}
    if kind is list:
        return _floats(value) or [encode(item, what) for item in value]
    if kind is dict:
        if all(type(k) is str and not k.startswith("$") for k in value):
            return {k: encode(v, what) for k, v in value.items()}
        pairs = [[encode(k, what), encode(v, what)] for k, v in value.items()]
        return {"$": "dict", "v": pairs}
    return _tagged(value, what)


def _floats(value: list[Any]) -> Any:
    """A vector, packed: as 32-bit floats where that loses nothing."""
    if len(value) < 16 or not all(type(x) is float for x in value):
        return None
    for tag, letter in (("f4", "f"), ("f8", "d")):
        try:
            packed = struct.pack(f"<{len(value)}{letter}", *value)
        except OverflowError:
            continue
        if letter == "d" or list(struct.unpack(f"<{len(value)}f", packed)) == value:
            return {"$": tag, "v": base64.b64encode(packed).decode()}
    return None


def _tagged(value: Any, what: str) -> Any:
    for tag, (kind, write, _) in _PLAIN.items():
        if type(value) is kind or (kind is pathlib.PurePath and isinstance(value, kind)):
            return {"$": tag, "v": write(value)}
    if type(value) in (tuple, set, frozenset):
        items = [encode(item, what) for item in value]
        if type(value) is not tuple:
            items.sort(key=repr)
        return {"$": type(value).__name__, "v": items}
    if type(value).__name__ == "Document" and hasattr(value, "page_content"):
        fields = {"text": value.page_content, "metadata": value.metadata, "id": value.id}
        return {"$": "document", "v": encode({k: v for k, v in fields.items() if v}, what)}
    if hasattr(value, "tool_call_chunks") or (hasattr(value, "content") and hasattr(value, "type")):
        return {"$": "message", "v": encode(value.model_dump(exclude_defaults=True), what)} | (
            {"type": value.type} if hasattr(value, "type") else {}
        )
    if isinstance(value, str | int | float):  # a subclass: an enum, a numpy number
        return encode(value.value if isinstance(value, enum.Enum) else _base(value), what)
    if hasattr(value, "tolist"):  # numpy: what a vector store or model returns
        return encode(value.tolist(), what)
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    raise NotRecordable(
        f"{what} holds a {name}, which cannot be recorded: expected JSON-like data, documents "
        "or messages",
        hint="return text, numbers, lists, dicts or Documents",
    )


def _base(value: Any) -> Any:
    return next(kind(value) for kind in (str, int, float) if isinstance(value, kind))


_PLAIN: dict[str, tuple[type, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "bytes": (bytes, lambda b: base64.b64encode(b).decode(), base64.b64decode),
    "datetime": (datetime.datetime, lambda t: t.isoformat(), datetime.datetime.fromisoformat),
    "date": (datetime.date, lambda t: t.isoformat(), datetime.date.fromisoformat),
    "time": (datetime.time, lambda t: t.isoformat(), datetime.time.fromisoformat),
    "duration": (
        datetime.timedelta,
        lambda d: [d.days, d.seconds, d.microseconds],
        lambda v: datetime.timedelta(*v),
    ),
    "uuid": (uuid.UUID, str, uuid.UUID),
    "decimal": (decimal.Decimal, str, decimal.Decimal),
    "fraction": (fractions.Fraction, str, fractions.Fraction),
    "path": (pathlib.PurePath, str, pathlib.Path),
}


def decode(value: Any) -> Any:
    """The value that :func:`encode` was given.

    Raises:
        CorruptStore: an unknown or malformed tag.
    """
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$" not in value:
        return {k: decode(v) for k, v in value.items()}
    try:
        return _untag(value["$"], value["v"], value.get("type"))
    except (ValueError, TypeError, KeyError, ArithmeticError, struct.error) as error:
        raise CorruptStore(f"a recorded value of type {value['$']!r} is malformed") from error


def _untag(tag: Any, v: Any, kind: Any) -> Any:
    if tag in _PLAIN:
        return _PLAIN[tag][2](v)
    if tag == "float":
        return float(v)
    if tag in ("f4", "f8"):
        data = base64.b64decode(v)
        return list(
            struct.unpack(f"<{len(data) // int(tag[1])}{'f' if tag == 'f4' else 'd'}", data)
        )
    if tag in ("tuple", "set", "frozenset"):
        return {"tuple": tuple, "set": set, "frozenset": frozenset}[tag](decode(v))
    if tag == "dict":
        return {decode(k): decode(item) for k, item in v}
    if tag == "document":
        from langchain_core.documents import Document

        fields = decode(v)
        return Document(
            page_content=fields.get("text", ""),
            metadata=fields.get("metadata", {}),
            id=fields.get("id"),
        )
    if tag == "message":
        from agentlab.recording.messages import build

        return build(str(kind), decode(v))
    raise ValueError(tag)


def plain(value: Any, depth: int = 0) -> Any:
    """``value`` as JSON that differs where values differ; objects count by their type."""
    if value is None or type(value) in (bool, int, str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if depth > 40:
        return "…"
    if isinstance(value, Mapping):
        return {str(k): plain(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(item, depth + 1) for item in value), key=repr)
    if isinstance(value, type) and hasattr(value, "model_json_schema"):
        return plain(value.model_json_schema(), depth + 1)
    if type(value).__name__ == "Document" and hasattr(value, "page_content"):
        return {"text": value.page_content, "metadata": plain(value.metadata, depth + 1)}
    if hasattr(value, "model_dump"):
        return plain(value.model_dump(exclude={"id"}), depth + 1)
    try:
        return encode(value)
    except NotRecordable:
        kind = value if isinstance(value, type) else type(value)
        return f"<{kind.__module__}.{kind.__qualname__}>"
