"""The YAML at the head of a prompt file, with the line of each key."""

from __future__ import annotations

import re
from typing import Any

import yaml

from agentlab.errors import PromptError


class Located(dict[str, Any]):
    """A mapping of the file that knows the lines of its keys."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, int] = {}


class _Loader(yaml.CSafeLoader):
    """YAML 1.2's plain values: ``no`` and ``12:30`` are text."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - filled below, for this class alone


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^({_pattern})$"), _first
    )


def read_yaml(text: str, file: str, first_line: int) -> Any:
    """The value of ``text``, mappings as :class:`Located`; its first line is ``first_line``.

    Raises:
        PromptError: not YAML, a key twice or not text, an alias, an unknown tag.
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
        return None if node is None else _plain(node, file, first_line, set())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = first_line + (mark.line if mark else 0)
        problem = getattr(error, "problem", None) or "malformed"
        raise PromptError(
            f"{file}:{line}: the front matter is not YAML: {problem}",
            hint="text that holds a colon, a quote or a brace goes between quotes",
        ) from error
    except RecursionError as error:
        raise PromptError(f"{file}:{first_line}: the front matter is nested too deeply") from error


def _plain(node: yaml.Node, file: str, first_line: int, seen: set[int]) -> Any:
    line = first_line + node.start_mark.line
    if id(node) in seen:  # an alias is the node again; a few of them make a terabyte
        raise PromptError(f"{file}:{line}: an alias (*name) in the front matter")
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, f"{file}:{line}")
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, file, first_line, seen) for item in node.value]
    result = Located()
    for key_node, value_node in node.value:
        key_line = first_line + key_node.start_mark.line
        if not isinstance(key_node, yaml.ScalarNode):
            raise PromptError(f"{file}:{key_line}: a key must be text")
        key = str(key_node.value)
        if key in result:
            raise PromptError(f"{file}:{key_line}: the key {key!r} is there twice")
        result.lines[key] = key_line
        result[key] = _plain(value_node, file, first_line, seen)
    return result


def _scalar(node: yaml.ScalarNode, place: str) -> Any:
    text: str = node.value
    match node.tag.removeprefix("tag:yaml.org,2002:"):
        case "str":
            return text
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int" | "float" as kind:
            try:
                return int(text) if kind == "int" else float(text)
            except ValueError:
                pass
    raise PromptError(f"{place}: {text[:40]!r} cannot be read as {node.tag}")
