"""The arguments of a tool, as models write them."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Sequence
from contextlib import suppress
from typing import Any

from langchain_core.tools import BaseTool

from agentlab.agents.grammar import arguments
from agentlab.tools.schemas import stays_text

_JSON = json.JSONDecoder(strict=False)  # line breaks inside texts are common
# Texts in either quotes, an unfinished one too; words; single signs. All of a text, in linear time.
_TOKEN = re.compile(
    r"""\s+|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[A-Za-z_]\w*|[\d.+-]+|.""", re.DOTALL
)
_NOTHING = frozenset(
    {"none", "n/a", "na", "null", "nil", "nothing", "no input", "empty", "-", "()"}
)
_PAIRS = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’"}
_WORDS = {"True": "true", "False": "false", "None": "null"}


class NotArguments(ValueError):
    """The text cannot be read as the arguments of the tool."""


def read_arguments(text: str, tool: BaseTool) -> dict[str, Any]:
    """``text`` as arguments: a JSON object, in a code fence or not, or the only one it needs.

    Python's quotes, words and commas are read too, and ``name="value"`` as in a call.

    Whether they fit is checked by the tool.

    Raises:
        NotArguments: it is neither.
    """
    bare = unfenced(text.strip())
    schema = arguments(tool)
    required = schema.get("required", [])
    properties = {k: v for k, v in schema["properties"].items() if k in required or not required}
    if bare.startswith(("{", "[")):
        value = _decoded(bare, tool.name)
        if isinstance(value, dict):
            return value
        return _only(properties, tool.name, value)
    if not bare or (not required and _unquoted(bare).rstrip(".").lower() in ("", *_NOTHING)):
        return {}
    if (named := _named(bare, schema["properties"])) is not None:
        return named
    try:
        value = _JSON.decode(bare)
    except (ValueError, RecursionError):
        value = _unquoted(bare)
    first: dict[str, Any] = next(iter(properties.values()), {})
    if not isinstance(value, str) and stays_text(first, value):
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
        with suppress(ValueError, RecursionError):
            return _JSON.raw_decode(_as_json(_TOKEN.findall(text)))[0]
        raise NotArguments(f"its Action Input for {tool} is not JSON ({str(error)[:80]})") from None
    return value


def _named(text: str, properties: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments in ``a=1, b="two"``; None where ``text`` has not that form.

    What stands without quotes for an argument that is a text stays as it was written: 2024, True.
    """
    begun = re.match(r"(\w+)\s*=(?!=)", text)
    if begun is None or begun[1] not in properties:
        return None
    named: dict[str, Any] = {}
    for name, written in _parts(text, properties):
        try:
            value = _JSON.decode(_as_json(_TOKEN.findall(written)))
        except (ValueError, RecursionError):
            if len(properties) == 1:
                return {name: _unquoted(text[begun.end() :])}
            bare = re.fullmatch(r"[^\"'\[\](){}]+", written)
            if not bare or not stays_text(properties[name], written):
                return None
            value = written
        is_text = not isinstance(value, str) and stays_text(properties[name], value)
        named[name] = written if is_text else value
    return named


def _parts(text: str, names: Container[str]) -> list[tuple[str, str]]:
    """The names before a ``=`` outside all brackets and texts, and what is written for them."""
    found: list[tuple[str, int, int]] = []  # name, where it begins, where what is written begins
    depth = 0
    before: re.Match[str] | None = None
    for sign in _TOKEN.finditer(text):
        if sign[0].isspace():
            continue
        depth += (sign[0] in "([{") - (sign[0] in ")]}")
        if sign[0] == "=" and depth == 0 and before is not None and before[0] in names:
            found.append((before[0], before.start(), sign.end()))
        before = sign
    ends = [start for _, start, _ in found[1:]] + [len(text)]
    return [
        (name, text[begin:end].strip().removesuffix(",").rstrip())
        for (name, _, begin), end in zip(found, ends, strict=True)
    ]


def _as_json(signs: Sequence[str]) -> str:
    """JSON of what may be Python: its quotes, its words, its commas before an end."""
    written: list[str] = []
    comma: int | None = None  # where the last sign was one
    for sign in signs:
        if sign[0] == "'":
            sign = re.sub(r"\\(.)|\"", _requoted, sign[1:].removesuffix("'"), flags=re.DOTALL)
            sign = f'"{sign}"'
        if sign in ("}", "]") and comma is not None:
            written[comma] = ""
        if not sign.isspace():
            comma = len(written) if sign == "," else None
        written.append(_WORDS.get(sign, sign))
    return "".join(written)


def _requoted(match: re.Match[str]) -> str:
    if match[1] is None:
        return '\\"'
    return "'" if match[1] == "'" else match[0]


def _unquoted(text: str) -> str:
    """``text`` without quotes, or ``**``, around the whole of it."""
    text = text.strip()
    for _ in range(3):  # **"`a`"**, at most
        if len(text) > 4 and text.startswith("**") and text.endswith("**"):
            text = text[2:-2].strip()
        if len(text) < 2 or _PAIRS.get(text[0]) != text[-1]:
            continue
        inner = text[1:-1]
        plain = re.sub(r"(?<=\w)'(?=\w)", "", inner)  # an apostrophe closes nothing
        if text[0] in plain or text[-1] in plain:
            return text
        text = inner.strip()
    lone = [sign for sign in "\"'`" if text.count(sign) == 1 and sign in (text[0], text[-1])]
    return text.strip(lone[0]).strip() if lone else text


def unfenced(text: str) -> str:
    """``text`` without the code fence around it, whatever language it names."""
    if not text.startswith("`"):
        return text
    opening = re.match(
        r"`{1,3}(?:[\w+-]*[ \t]*\n|(?:json|python|text|tool_code)\b)?\s*", text, re.I
    )
    assert opening is not None
    inner = text[opening.end() :]
    end = re.search(r"\n[ \t]*```", inner)
    inner = inner[: end.start()] if end else inner.rpartition("```")[0] or inner
    return inner.strip().strip("`").strip()
