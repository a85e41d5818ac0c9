"""Canonical JSON and its hashes: key order never matters, every other difference does."""

from __future__ import annotations

import hashlib
import json
from typing import Any

DIGITS = 20  # 80 bits of SHA-256, in hex

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


def canonical(value: Any) -> str:
    """``value`` as JSON with sorted keys and no spaces, in ASCII."""
    return _encode(value)


def digest(value: Any) -> str:
    """The hash of a JSON value."""
    return hash_text(_encode(value))


def hash_text(text: str) -> str:
    """The hash of ASCII text."""
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:DIGITS]
