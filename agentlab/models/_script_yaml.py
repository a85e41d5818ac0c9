"""Reading a script's YAML: what is text in a script is read literally (``say: no`` says "no")."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agentlab._yaml import Located, read_yaml
from agentlab.errors import ConfigError

__all__ = ["Located", "load_yaml"]

_TEXT_KEYS = frozenset({"say", "error", "finish", "contains", "regex", "last", "name", "id"})


def load_yaml(data: bytes, path: Path) -> Any:
    """The value in ``data``, mappings with the lines of their keys; ``path`` is for messages.

    Raises:
        ConfigError: not UTF-8 or not YAML; the message names file, line and column.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text, at byte {error.start}") from error
    return read_yaml(text, str(path), texts=_TEXT_KEYS, no_texts_below="args")
