"""Errors that calls raised, written down and raised again as the same type.

Nothing is imported for it: a type is looked up among the modules that are loaded, and made without
running its ``__init__``. Of a type that is not loaded, :class:`~agentlab.errors.RecordedError`
comes, which names it.
"""

from __future__ import annotations

import sys
from typing import Any

from agentlab.errors import RecordedError
from agentlab.recording.codec import decode, encode
from agentlab.recording.secrets import Scrubber

_SCALARS = (str, int, float, bool, type(None))


def write_error(error: BaseException, scrubber: Scrubber) -> dict[str, Any]:
    """The error as JSON: its type, arguments and plain attributes."""
    kind = type(error)
    arguments = [a if isinstance(a, _SCALARS) else str(a) for a in error.args]
    attributes = {
        name: value
        for name, value in vars(error).items()
        if isinstance(value, _SCALARS) and not name.startswith("_")
    }
    record: dict[str, Any] = {
        "type": f"{kind.__module__}:{kind.__qualname__}",
        "args": encode(arguments),
        "text": str(error),
    }
    if attributes:
        record["fields"] = encode(attributes)
    return scrubber.value(record)  # type: ignore[no-any-return]


def read_error(record: dict[str, Any]) -> Exception:
    """The error to raise again."""
    text = str(record.get("text", ""))
    name = str(record.get("type", ""))
    kind = _loaded(name)
    if kind is None:
        return RecordedError(text, original=name.replace(":", "."))
    arguments = decode(record.get("args", []))
    error: Exception = kind.__new__(kind, *arguments)
    error.args = tuple(arguments)
    for field, value in decode(record.get("fields", {})).items():
        if not field.startswith("_"):
            error.__dict__[field] = value
    return error


def _loaded(name: str) -> type[Exception] | None:
    module, _, path = name.partition(":")
    if module in ("agentlab.errors", "langchain_core.exceptions", "langchain_core.tools.base"):
        __import__(module)
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = vars(found).get(part) if isinstance(found, type) or found is not None else None
    return found if isinstance(found, type) and issubclass(found, Exception) else None
