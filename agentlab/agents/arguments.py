"""The arguments of a tool, as models write them."""

from __future__ import annotations

import json
import re
from typing import Any

from langchain_core.tools import BaseTool

from agentlab.agents.grammar import arguments

_JSON = json.JSONDecoder(strict=False)  # line breaks inside texts are common


class NotArguments(ValueError):
    """The text cannot be read as the arguments of the tool."""


def read_arguments(text: str, tool: BaseTool) -> dict[str, Any]:
    """``text`` as arguments: a JSON object, in a code fence or not, or the only one it needs.

    Whether they fit is checked by the tool.

    Raises:
        NotArguments: it is neither.
    """
    bare = _unfenced(text.strip())
    schema = arguments(tool)
    required = schema.get("required", [])
    properties = {k: v for k, v in schema["properties"].items() if k in required or not required}
    if bare.startswith(("{", "[")):
        value = _decoded(bare, tool.name)
        if isinstance(value, dict):
            return value
        return _only(properties, tool.name, value)
    if not bare:
        return {}
    try:
        value = _JSON.decode(bare)
    except (ValueError, RecursionError):
        value = bare.strip("\"'` ")
    first: dict[str, Any] = next(iter(properties.values()), {})
    if first.get("type") == "string" and not isinstance(value, str):
        value = bare  # 007 and 1e3 stay as they were written
    return _only(properties, tool.name, value)


def _only(properties: dict[str, Any], tool: str, value: Any) -> dict[str, Any]:
    names = list(properties)
    if len(names) != 1:
        raise NotArguments(f"its Action Input is not a JSON object with the arguments of {tool}")
    return {names[0]: value}


def _decoded(text: str, tool: str) -> Any:
    try:
        value, _ = _JSON.raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise NotArguments(f"its Action Input for {tool} is not JSON ({str(error)[:80]})") from None
    return value


def _unfenced(text: str) -> str:
    if not text.startswith("`"):
        return text
    inner = re.sub(r"^`{1,3}(?:json|python|text)?\s*", "", text)
    return inner.partition("```")[0].strip().strip("`").strip()
