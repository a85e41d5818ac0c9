"""The one reader of YAML written by people: strict, and it knows the place of every value.

YAML 1.2's core rules say what a plain value is (``no``, ``on`` and ``12:30`` stay text), read by
the C parser as events, so that depth and size are bounded before anything is built. A key twice, a
key that is not text, an unknown tag, a second document and an alias that multiplies are errors.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from agentlab.errors import ConfigError

MAX_CHARACTERS = 4 * 1024 * 1024
MAX_DEPTH = 60
MAX_VALUES = 200_000  # with every alias counted as often as it is used

_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_TAGS = {"str", "int", "float", "bool", "null", "map", "seq"}


class Mark(NamedTuple):
    """A place in a file, counted from 1."""

    line: int
    column: int


class Located(dict[str, Any]):
    """A mapping that knows where it begins (``at``) and where its keys and values are."""

    __slots__ = ("at", "keys_at", "values_at")

    def __init__(self, at: Mark | None = None) -> None:
        super().__init__()
        self.at = at or Mark(1, 1)
        self.keys_at: dict[str, Mark] = {}
        self.values_at: dict[str, Mark] = {}

    @property
    def line(self) -> int:
        """The line it begins in."""
        return self.at.line

    @property
    def lines(self) -> dict[str, int]:
        """The lines of its keys."""
        return {key: mark.line for key, mark in self.keys_at.items()}


class LocatedList(list[Any]):
    """A list that knows where its items are."""

    __slots__ = ("at", "items_at")

    def __init__(self, at: Mark) -> None:
        super().__init__()
        self.at = at
        self.items_at: list[Mark] = []


def read_yaml(
    text: str,
    name: str,
    *,
    error: type[ConfigError] = ConfigError,
    first_line: int = 1,
    texts: Collection[str] = (),
    no_texts_below: str = "",
    aliases: bool = True,
) -> Any:
    """The value of ``text``: mappings as :class:`Located`, lists as :class:`LocatedList`.

    Args:
        name: the file, for messages.
        error: what is raised.
        first_line: the number of the text's first line in its file.
        texts: keys whose plain values are text whatever they look like; not so below the key
            ``no_texts_below``.
        aliases: whether ``*name`` may stand for a value named ``&name``.

    Raises:
        ConfigError: (``error``) ``name:line:column`` and what is wrong.
    """
    reader = _Reader(name, error, first_line, texts, no_texts_below, aliases)
    if len(text) > MAX_CHARACTERS:
        raise reader.wrong(Mark(1, 1), f"longer than {MAX_CHARACTERS} characters")
    return reader.read(text)


def place_of(value: Any, keys: Sequence[str | int], *, of_key: bool = False) -> Mark:
    """Where ``value[keys[0]][keys[1]]…`` is, as far as the keys lead; ``of_key`` for its key."""
    mark = getattr(value, "at", Mark(1, 1))
    for number, key in enumerate(keys):
        last = number == len(keys) - 1
        if isinstance(value, Located) and isinstance(key, str) and key in value:
            mark = (value.keys_at if of_key and last else value.values_at)[key]
        elif isinstance(value, LocatedList) and isinstance(key, int) and key < len(value):
            mark = value.items_at[key]
        else:
            continue  # a name that stands for no level of the file
        value = value[key]
    return mark


def nearest(name: str, known: Iterable[str]) -> str:
    """``, did you mean `expect`?`` where one of ``known`` is close, else nothing."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f", did you mean `{near[0]}`?" if near else ""


class _Reader:
    def __init__(
        self,
        name: str,
        error: type[ConfigError],
        first_line: int,
        texts: Collection[str],
        no_texts_below: str,
        aliases: bool,
    ) -> None:
        self._name = name
        self._error = error
        self._first = first_line - 1
        self._texts = texts
        self._no_texts_below = no_texts_below
        self._aliases = aliases
        self._anchors: dict[str, tuple[Any, int] | None] = {}
        self._count = 0
        self._events: Iterator[Any]

    def wrong(self, mark: Mark, message: str, hint: str = "") -> ConfigError:
        return self._error(f"{self._name}:{mark.line}:{mark.column}: {message}", hint=hint)

    def read(self, text: str) -> Any:
        import yaml

        try:
            self._events = iter(yaml.parse(text, Loader=yaml.CSafeLoader))
            value: Any = None
            for event in self._events:
                match type(event).__name__:
                    case "DocumentStartEvent":
                        if self._count:
                            raise self.wrong(self._mark(event), "a second document begins here")
                        value = self._value(next(self._events), 0)
            return value
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            problem = getattr(error, "problem", None) or str(error).split("\n")[0]
            at = Mark(mark.line + 1 + self._first, mark.column + 1) if mark else Mark(1, 1)
            raise self.wrong(
                at,
                f"not YAML: {problem}",
                "text that holds a colon, a quote or a brace goes between quotes",
            ) from error

    def _mark(self, event: Any) -> Mark:
        mark = event.start_mark
        return Mark(mark.line + 1 + self._first, mark.column + 1)

    def _value(self, event: Any, depth: int, *, literal: bool = False) -> Any:
        mark = self._mark(event)
        self._spend(1, mark)
        if depth > MAX_DEPTH:
            raise self.wrong(mark, f"nested deeper than {MAX_DEPTH}")
        kind = type(event).__name__
        if kind == "AliasEvent":
            return self._alias(event.anchor, mark)
        if event.anchor:
            self._anchors[event.anchor] = None
        before = self._count
        tag = self._tag(event, mark)
        if tag and (tag in ("map", "seq")) != (kind != "ScalarEvent"):
            raise self.wrong(mark, f"the tag {event.tag!r} means nothing here")
        if kind == "ScalarEvent":
            value = self._scalar(event, tag, mark, literal)
        elif kind == "SequenceStartEvent":
            value = self._sequence(mark, depth, literal)
        else:
            value = self._mapping(mark, depth)
        if event.anchor:
            self._anchors[event.anchor] = value, self._count - before + 1
        return value

    def _sequence(self, mark: Mark, depth: int, literal: bool) -> LocatedList:
        items = LocatedList(mark)
        for event in self._events:
            if type(event).__name__ == "SequenceEndEvent":
                break
            items.items_at.append(self._mark(event))
            items.append(self._value(event, depth + 1, literal=literal))
        return items

    def _mapping(self, mark: Mark, depth: int) -> Located:
        entries = Located(mark)
        for event in self._events:
            kind = type(event).__name__
            if kind == "MappingEndEvent":
                break
            at = self._mark(event)
            if kind != "ScalarEvent":
                raise self.wrong(at, "a key must be text")
            key: str = event.value
            if key in entries:
                first = entries.keys_at[key]
                raise self.wrong(at, f"the key {key!r} is there twice, first in line {first.line}")
            value = next(self._events)
            entries.keys_at[key] = at
            entries.values_at[key] = self._mark(value)
            texts, below = self._texts, key == self._no_texts_below
            if below:
                self._texts = ()
            entries[key] = self._value(value, depth + 1, literal=key in self._texts)
            self._texts = texts
        return entries

    def _alias(self, name: str, mark: Mark) -> Any:
        if not self._aliases:
            raise self.wrong(mark, f"an alias (*{name}) may not stand here")
        known = self._anchors.get(name)
        if known is None:
            inside = name in self._anchors
            raise self.wrong(
                mark,
                f"the alias *{name} " + ("is inside what it names" if inside else "names nothing"),
            )
        value, size = known
        self._spend(size, mark)
        return value

    def _spend(self, count: int, mark: Mark) -> None:
        self._count += count
        if self._count > MAX_VALUES:
            raise self.wrong(mark, f"more than {MAX_VALUES} values, aliases included")

    def _tag(self, event: Any, mark: Mark) -> str:
        if event.tag is None or event.tag == "!":
            return "str" if event.tag else ""
        tag: str = event.tag.removeprefix("tag:yaml.org,2002:")
        if tag not in _TAGS:
            raise self.wrong(mark, f"the tag {event.tag!r} means nothing here")
        return tag

    def _scalar(self, event: Any, tag: str, mark: Mark, literal: bool) -> Any:
        text: str = event.value
        if tag == "str" or (not tag and (literal or not event.implicit[0])):
            return text
        value = plain_value(text)
        names = {str: "str", bool: "bool", int: "int", float: "float", type(None): "null"}
        found = names[type(value)]
        if tag == "float" and found == "int":
            return float(value)
        if tag and tag != found:
            raise self.wrong(mark, f"{text[:40]!r} cannot be read as {tag}")
        return value


def plain_value(text: str) -> Any:
    """What an unquoted scalar is: text, a number, true, false or nothing."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "-+.0123456789":
        return text
    if _INT.fullmatch(text):
        if len(text) > 400:  # Python refuses to read longer ones
            return text
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text):
        return float(
            text.replace(".inf", "inf")
            .replace(".Inf", "inf")
            .replace(".INF", "inf")
            .replace(".nan", "nan")
            .replace(".NaN", "nan")
            .replace(".NAN", "nan")
        )
    return text
