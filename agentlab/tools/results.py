"""Whatever a tool returns, to text that a model can read."""

from __future__ import annotations

import json
import re
from typing import Any

# Control characters other than tab and newline, and halves of surrogate pairs.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_MAGIC = {
    b"\x89PNG": "PNG image",
    b"\xff\xd8\xff": "JPEG image",
    b"GIF8": "GIF image",
    b"%PDF": "PDF document",
    b"PK\x03\x04": "ZIP archive",
    b"\x1f\x8b": "gzip archive",
    b"GGUF": "GGUF model",
    b"\x7fELF": "program",
}


def to_text(value: Any, limit: int) -> str:
    """``value`` as text of about ``limit`` characters at most.

    Text is kept, bytes that are UTF-8 are decoded, other bytes are described, and plain data become
    JSON. Of a longer text head and tail are kept, with a note between them.
    """
    text = _plain(value)
    return shorten(_UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n")), limit)


def shorten(text: str, limit: int) -> str:
    """``text``, or its head and tail (two thirds, one third) with a note of what was left out."""
    if len(text) <= limit:
        return text
    tail = limit // 3
    head = limit - tail
    left_out = len(text) - head - tail
    note = f"\n[… {left_out:,} of {len(text):,} characters left out …]\n"
    return text[:head] + note + text[-tail:]


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value if value.strip() else "(an empty text)"
    if value is None:
        return "(no result)"
    if isinstance(value, bytes | bytearray | memoryview):
        return _decoded(bytes(value))
    if isinstance(value, list) and value and all(_is_block(item) for item in value):
        return "\n".join(_block(item) for item in value)
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    try:
        return json.dumps(value, ensure_ascii=False, default=_data)
    except (TypeError, ValueError, RecursionError):
        return _described(value)


def _decoded(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = ""
    if text and not _UNPRINTABLE.search(text):
        return text
    kind = next((name for magic, name in _MAGIC.items() if data.startswith(magic)), "binary data")
    return f"({kind}, {len(data):,} bytes, not text)"


def _is_block(item: Any) -> bool:
    """Whether ``item`` is a content block of a LangChain or MCP message."""
    return isinstance(item, dict) and isinstance(item.get("type"), str)


def _block(item: dict[str, Any]) -> str:
    if item["type"] == "text" and isinstance(item.get("text"), str):
        return str(item["text"])
    return f"({item['type']}, not text)"


def _data(value: Any) -> Any:
    """What ``json`` cannot write, as something it can."""
    import dataclasses

    from pydantic import BaseModel

    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if isinstance(value, bytes):
        return _decoded(value)
    if any("__str__" in vars(base) for base in type(value).__mro__[:-1]):  # dates, decimals, paths
        return str(value)
    return _described(value)


def _described(value: Any) -> str:
    kind = type(value)
    return f"(an object of the type {kind.__module__}.{kind.__qualname__}, which has no text form)"
