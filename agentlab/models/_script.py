"""Scripts of replies for :mod:`agentlab.models.scripted`: what may stand in one."""

from __future__ import annotations

import difflib
import functools
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentlab.errors import ConfigError, UnknownModel
from agentlab.models._script_yaml import Located, load_yaml

MAX_BYTES = 4 * 2**20
FAULTS = ("timeout", "rate_limit", "connection")
_REPLY_KEYS = ("when", "say", "tool_calls", "error", "delay", "pace", "repeat", "finish")
_WHEN_KEYS = ("contains", "regex", "last")
_LAST_KEYS = ("contains", "regex")
_CALL_KEYS = ("name", "args", "id")


@dataclass(frozen=True, slots=True)
class Matcher:
    """Holds when every text in ``contains`` and the ``regex`` are found."""

    contains: tuple[str, ...] = ()
    regex: re.Pattern[str] | None = None

    def matches(self, text: str) -> bool:
        """Whether ``text`` has all that is asked."""
        return all(part in text for part in self.contains) and (
            self.regex is None or self.regex.search(text) is not None
        )


@dataclass(frozen=True, slots=True)
class When:
    """What a prompt must have: ``anywhere`` in its messages, ``last`` in the last user message."""

    anywhere: Matcher = Matcher()
    last: Matcher = Matcher()


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the script. ``repeat`` is how often it serves, None without end."""

    say: str = ""
    when: When = When()
    tool_calls: tuple[dict[str, Any], ...] = ()
    error: str = ""
    delay: float = 0.0
    pace: float = 0.0
    repeat: int | None = 1
    finish: str = ""
    where: str = field(default="", compare=False)


def read_script(path: Path) -> tuple[tuple[Reply, ...], bytes]:
    """The replies in the file ``path``, and its bytes.

    Raises:
        UnknownModel: there is no such file.
        ConfigError: it is not a script; the message names file and line.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnknownModel(
            f"the script {str(path)!r} cannot be read: {(error.strerror or 'unknown').lower()}",
            hint="scripted:PATH names a YAML file with a list of `replies`",
        ) from error
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path}: a script may have {MAX_BYTES} bytes, this has {len(data)}")
    return _parsed(data, path), data


@functools.lru_cache(maxsize=16)  # a suite of scenarios reads the same script for each of them
def _parsed(data: bytes, path: Path) -> tuple[Reply, ...]:
    script = load_yaml(data, path)
    if not isinstance(script, Located):
        raise ConfigError(
            f"{path}:1: a script is a mapping with the key `replies`",
            hint='for example: replies: [{say: "Hello!"}]',
        )
    _check_keys(script, ("replies",), str(path))
    if "replies" not in script:
        raise ConfigError(f"{path}:1: the script has no `replies`")
    return parse_replies(script["replies"], str(path))


def parse_replies(replies: Any, where: str) -> tuple[Reply, ...]:
    """``replies`` as :class:`Reply` values: mappings, plain texts and replies are accepted.

    Raises:
        ConfigError: one of them is not a reply.
    """
    if isinstance(replies, str | Mapping) or not isinstance(replies, Iterable):
        raise ConfigError(f"{where}: `replies` must be a list, not {_kind(replies)}")
    parsed = tuple(_reply(item, f"{where}: reply {n}", where) for n, item in enumerate(replies, 1))
    if not parsed:
        raise ConfigError(f"{where}: `replies` is empty")
    return parsed


def _reply(item: Any, numbered: str, where: str) -> Reply:
    if isinstance(item, Reply):
        return item
    if isinstance(item, str):
        return Reply(say=item, where=numbered)
    if not isinstance(item, Mapping):
        raise ConfigError(f"{numbered} must be a mapping or a text, not {_kind(item)}")
    place = f"{where}:{item.line}" if isinstance(item, Located) else numbered
    _check_keys(item, _REPLY_KEYS, where if isinstance(item, Located) else numbered)
    if not item.keys() & {"say", "tool_calls", "error"}:
        raise ConfigError(f"{place}: a reply needs one of `say`, `tool_calls` and `error`")
    if "tool_calls" in item and "error" in item:
        raise ConfigError(f"{place}: a reply has `tool_calls` or an `error`, not both")
    if "error" in item and not item["error"]:
        raise ConfigError(
            f"{place}: `error` is empty", hint=f"one of {', '.join(FAULTS)}, or a text"
        )
    return Reply(
        say=_text(item.get("say", ""), "say", place),
        when=_when(item["when"], place, where) if "when" in item else When(),
        tool_calls=_tool_calls(item.get("tool_calls", []), place, where),
        error=_text(item.get("error", ""), "error", place),
        delay=_seconds(item.get("delay", 0), "delay", place),
        pace=_seconds(item.get("pace", 0), "pace", place),
        repeat=_repeat(item.get("repeat", 1), place),
        finish=_text(item.get("finish", ""), "finish", place),
        where=place,
    )


def _when(value: Any, place: str, where: str) -> When:
    if not isinstance(value, Mapping) or not value:
        raise ConfigError(f"{place}: `when` is a mapping of {', '.join(_WHEN_KEYS)}")
    _check_keys(value, _WHEN_KEYS, where if isinstance(value, Located) else place)
    last = value.get("last", {})
    if isinstance(last, Mapping):
        _check_keys(last, _LAST_KEYS, where if isinstance(last, Located) else place)
    else:
        last = {"contains": last}
    return When(anywhere=_matcher(value, place), last=_matcher(last, place))


def _matcher(value: Mapping[str, Any], place: str) -> Matcher:
    contains = value.get("contains", [])
    parts = contains if isinstance(contains, list | tuple) else [contains]
    regex = None
    if "regex" in value:
        try:
            regex = re.compile(_text(value["regex"], "regex", place))
        except re.error as error:
            raise ConfigError(
                f"{place}: `regex` is not a regular expression: {error.msg} "
                f"at character {(error.pos or 0) + 1}"
            ) from error
    return Matcher(tuple(_text(part, "contains", place) for part in parts), regex)


def _tool_calls(value: Any, place: str, where: str) -> tuple[dict[str, Any], ...]:
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{place}: `tool_calls` must be a list, not {_kind(value)}")
    for call in value:
        if not isinstance(call, Mapping) or "name" not in call:
            raise ConfigError(f"{place}: a tool call is a mapping with `name` and `args`")
        _check_keys(call, _CALL_KEYS, where if isinstance(call, Located) else place)
        _text(call["name"], "name", place)
        if not isinstance(call.get("args", {}), Mapping):
            raise ConfigError(f"{place}: `args` must be a mapping, not {_kind(call['args'])}")
    return tuple(
        {"name": c["name"], "args": dict(c.get("args", {})), "id": c.get("id")} for c in value
    )


def _check_keys(value: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in value:
        if key not in known:
            line = f":{value.lines[key]}" if isinstance(value, Located) else ""
            near = difflib.get_close_matches(str(key), known, n=1)
            raise ConfigError(
                f"{where}{line}: unknown key {key!r}, expected one of {', '.join(known)}",
                hint=f"did you mean {near[0]!r}?" if near else "",
            )


def _text(value: Any, key: str, place: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{place}: `{key}` must be text, not {_kind(value)}")
    return value


def _seconds(value: Any, key: str, place: str) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < 0:
        raise ConfigError(f"{place}: `{key}` must be seconds, 0 or more, not {value!r}")
    return float(value)


def _repeat(value: Any, place: str) -> int | None:
    if isinstance(value, bool):
        return None if value else 1
    if not isinstance(value, int) or value < 1:
        raise ConfigError(f"{place}: `repeat` must be true or a number from 1, not {value!r}")
    return value


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, list) else repr(value)[:80]
