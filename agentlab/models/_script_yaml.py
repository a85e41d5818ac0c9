"""Reading a script's YAML with the lines of its keys.

Values that are text are read literally (``say: no`` says "no"); everything else follows YAML 1.2:
only ``true`` and ``false`` are booleans, and ``12:30`` is text.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from agentlab.errors import ConfigError

_TEXT_KEYS = frozenset({"say", "error", "finish", "contains", "regex", "last", "name", "id"})


class Located(dict[str, Any]):
    """A mapping that knows its line in the file, and the lines of its keys."""

    lines: dict[str, int]
    line: int


def load_yaml(data: bytes, path: Path) -> Any:
    """The value in ``data``, mappings as :class:`Located`; ``path`` is for messages.

    Raises:
        ConfigError: not UTF-8 or not YAML; the message names file and line.
    """
    import yaml

    try:
        node = yaml.compose(data.decode("utf-8"), Loader=_loader())
        return None if node is None else _plain(node, path, {}, literal=True)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text, at byte {error.start}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: nested too deeply") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "malformed"
        raise ConfigError(f"{path}{line}: not YAML: {problem}") from error


def _loader() -> Any:
    """The C loader with YAML 1.2's core rules for plain values."""
    import yaml

    class Loader(yaml.CSafeLoader):
        yaml_implicit_resolvers = {}  # noqa: RUF012 - read, never changed, by the base class

    for tag, pattern, first in (
        ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
        ("null", r"~|null|Null|NULL|", "~nN\0"),
        ("int", r"[-+]?[0-9]+", "-+0123456789"),
        ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ):
        starts = ["" if c == "\0" else c for c in first]
        Loader.add_implicit_resolver(
            f"tag:yaml.org,2002:{tag}", re.compile(f"^({pattern})$"), starts
        )
    return Loader


def _plain(node: Any, path: Path, seen: dict[int, Any], *, literal: bool) -> Any:
    """``node`` as plain values; an alias gives the same object again, so nothing multiplies."""
    import yaml

    line = node.start_mark.line + 1
    if id(node) in seen:
        if seen[id(node)] is None:
            raise ConfigError(f"{path}:{line}: an alias inside what it names")
        return seen[id(node)]
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, path, line)
    if node.tag not in ("tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"):
        raise ConfigError(f"{path}:{line}: the tag {node.tag!r} means nothing here")
    seen[id(node)] = None
    result: Any
    if isinstance(node, yaml.SequenceNode):
        result = [_plain(item, path, seen, literal=literal) for item in node.value]
    else:
        result = Located()
        result.line, result.lines = line, {}
        for key_node, value_node in node.value:
            key_line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise ConfigError(f"{path}:{key_line}: a key must be text")
            key = str(key_node.value)
            if key in result:
                raise ConfigError(f"{path}:{key_line}: the key {key!r} is there twice")
            result.lines[key] = key_line
            result[key] = _value(value_node, key, path, seen, literal=literal)
    seen[id(node)] = result
    return result


def _value(node: Any, key: str, path: Path, seen: dict[int, Any], *, literal: bool) -> Any:
    import yaml

    if literal and key in _TEXT_KEYS:
        if isinstance(node, yaml.ScalarNode):
            return str(node.value)
        if isinstance(node, yaml.SequenceNode):
            return [_value(item, key, path, seen, literal=True) for item in node.value]
    return _plain(node, path, seen, literal=literal and key != "args")


def _scalar(node: Any, path: Path, line: int) -> Any:
    tag = node.tag.removeprefix("tag:yaml.org,2002:")
    match tag:
        case "str":
            return node.value
        case "null":
            return None
        case "bool":
            return node.value.lower() == "true"
        case "int" | "float":
            try:
                return int(node.value) if tag == "int" else float(node.value)
            except ValueError:
                pass
    raise ConfigError(f"{path}:{line}: {node.value[:40]!r} cannot be read as {node.tag}")
