"""Events and lists as JSON."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from agentlab.cli.console import Console
from agentlab.events import Event, as_dict


def write_event(console: Console, event: Event) -> None:
    """Write ``event`` as one line of NDJSON."""
    console.line(as_json(as_dict(event), ascii_only=console.out_is_terminal))


def as_json(value: Any, *, indent: int | None = None, ascii_only: bool = False) -> str:
    """``value`` as JSON; pydantic objects, messages, documents and dataclasses as their fields."""
    return json.dumps(value, default=_plain, ensure_ascii=ascii_only, indent=indent)


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):  # pydantic, and with it messages and documents
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else repr(value)
