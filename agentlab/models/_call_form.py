"""How a chat template writes tool calls, found by rendering one, and reading what is so written.

For example ``<tool_call>{"name": …, "arguments": {…}}</tool_call>`` (Hermes, Qwen), or
``{"name": …, "parameters": {…}}`` alone (Llama 3.1).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateError

Turn = dict[str, Any]
CALL_ID = "call00001"  # nine letters and digits, as Mistral wants them
_NAMES = ("zqxFIRSTxqz", "zqxSECONDxqz")
_ARGUMENTS = {"zqxKEYxqz": "zqxVALUExqz"}
_ANSWER = "zqxANSWERxqz"
_SHORTEST_MARK = 3  # characters of a mark that a text does not hold by chance


@dataclass(frozen=True, slots=True)
class CallForm:
    """Where the parts of a call stand.

    Attributes:
        before, after: what stands around all calls of a message.
        between: what stands between two; None where a message has one call only.
        keys: those of a call's object, in its order; all but the next two are for call ids.
        name, arguments: the keys of these.
    """

    before: str
    after: str
    between: str | None
    keys: tuple[str, ...]
    name: str
    arguments: str

    def mark(self, control: re.Pattern[str]) -> str:
        """What begins a call within a text; empty where only its own beginning can tell it."""
        mark = self.before.strip()
        return "" if len(mark) < _SHORTEST_MARK or control.search(mark) else mark

    def read(self, text: str, control: re.Pattern[str]) -> list[tuple[str, dict[str, Any]]] | None:
        """The names and arguments of the calls that ``text`` is; None where it is anything else.

        Tokens that ``control`` matches are not in the text of an answer.
        """

        def begins(at: int, part: str) -> int | None:
            told = control.sub("", part).strip()
            at += len(text[at:]) - len(text[at:].lstrip())
            return at + len(told) if text.startswith(told, at) else None

        calls: list[tuple[str, dict[str, Any]]] = []
        at = begins(0, self.before)
        while at is not None:
            at += len(text[at:]) - len(text[at:].lstrip())
            try:
                value, at = json.JSONDecoder().raw_decode(text, at)
            except (ValueError, RecursionError):
                return None
            if not isinstance(value, dict) or set(value) != set(self.keys):
                return None
            name, arguments = value[self.name], value[self.arguments]
            if not isinstance(name, str) or not isinstance(arguments, dict):
                return None
            calls.append((name, arguments))
            end = begins(at, self.after)
            if end is not None and not text[end:].strip():
                return calls
            at = None if self.between is None else begins(at, self.between)
        return None


_FENCED = re.compile(r"\s*(?:```(?:json)?\s*)?(\{.*\})(?:\s*```)?\s*", re.DOTALL | re.IGNORECASE)


def written_out(text: str, names: Collection[str]) -> list[tuple[str, dict[str, Any]]] | None:
    """The call of one of ``names`` that ``text`` is nothing but, in a code fence or bare.

    Some models write calls so, whatever their template says (Qwen2.5-Coder does).
    """
    found = _FENCED.fullmatch(text)
    with suppress(ValueError, RecursionError):
        value = json.loads(found[1]) if found else None
        if isinstance(value, dict) and len(value) == 2 and value.get("name") in names:
            arguments = value.get("arguments", value.get("parameters"))
            return [(value["name"], arguments)] if isinstance(arguments, dict) else None
    return None


def call_form(render: Callable[[list[Turn]], str]) -> CallForm | None:
    """The form in which a template writes calls, None where none can be made out.

    Args:
        render: the template, with a prompt for the answer at the end.
    """
    user: Turn = {"role": "user", "content": "a"}
    with suppress(TemplateError):
        asked = render([user])
        plain = render([user, {"role": "assistant", "content": _ANSWER}])
        tail = plain.partition(_ANSWER)[2]
        # What stands before any answer, such as an empty thought, is no part of a call.
        head = (_written(plain, asked, tail) or "").partition(_ANSWER)[0]
        one = _written(render([user, _calling(1)]), asked, tail)
        found = _object(one, _NAMES[0]) if one is not None else None
        if one is None or found is None:
            return None
        start, end, value = found
        name = next((k for k, v in value.items() if v == _NAMES[0]), None)
        arguments = next((k for k, v in value.items() if v == _ARGUMENTS), None)
        others = [v for k, v in value.items() if k not in (name, arguments)]
        if name is None or arguments is None or any(v != CALL_ID for v in others):
            return None
        between = None
        with suppress(TemplateError):
            between = _between(_written(render([user, _calling(2)]), asked, tail))
        before = one[:start].removeprefix(head)
        return CallForm(before, one[end:], between, tuple(value), name, arguments)
    return None


def _calling(count: int) -> Turn:
    calls = [
        {"type": "function", "id": CALL_ID, "function": {"name": name, "arguments": _ARGUMENTS}}
        for name in _NAMES[:count]
    ]
    return {"role": "assistant", "content": "", "tool_calls": calls}


def _written(rendered: str, asked: str, tail: str) -> str | None:
    """What the assistant says in ``rendered``, which begins like ``asked``."""
    head = asked.rstrip()
    if not rendered.startswith(head):
        return None
    rest = rendered[len(asked if rendered.startswith(asked) else head) :]
    return rest.removesuffix(tail) if tail and rest.endswith(tail) else None


def _object(text: str, name: str) -> tuple[int, int, Mapping[str, Any]] | None:
    """Where in ``text`` the object with ``name`` among its values begins and ends."""
    for match in re.finditer(r"\{", text):
        with suppress(ValueError, RecursionError):
            value, end = json.JSONDecoder().raw_decode(text, match.start())
            if name in value.values():
                return match.start(), end, value
    return None


def _between(written: str | None) -> str | None:
    if written is None:
        return None
    first, second = (_object(written, name) for name in _NAMES)
    return written[first[1] : second[0]] if first and second and first[1] < second[0] else None
