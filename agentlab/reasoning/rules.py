"""Rules an answer has to keep: functions of a text, put together as one likes.

A rule is any function of a text that returns what is wrong (a text or several), or nothing. Those
here are ready-made; :func:`any_of` puts rules together, a list of rules asks for all of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from agentlab.errors import ConfigError
from agentlab.reasoning.personal_data import KINDS, find_personal_data

Rule: TypeAlias = Callable[[str], Any]


def personal_data(*kinds: str, patterns: Mapping[str, str] | None = None) -> Rule:
    """No personal data: e-mail, phone, card, iban, ip, ssn (all by default), and own ``patterns``.

    Cards and IBANs are checked by their check digits. What was found is named and never quoted.

    Raises:
        ConfigError: an unknown kind, or a pattern that does not compile.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise ConfigError(
                f"there is no kind of personal data {kind!r}", hint=f"there are {', '.join(KINDS)}"
            )
    own = {name: _compiled(pattern) for name, pattern in (patterns or {}).items()}

    def check(text: str) -> list[str]:
        found = find_personal_data(text, kinds or tuple(KINDS))
        found += [name for name, pattern in own.items() if pattern.search(text)]
        return [f"it has personal data ({name})" for name in dict.fromkeys(found)]

    return check


def forbidden_words(words: Iterable[str] | Path, *, parts: bool = False) -> Rule:
    """None of ``words`` (or the lines of a file; ``#`` begins a comment), whatever their case.

    Signs between letters and look-alike wide letters are seen through. ``parts`` looks inside of
    words too.

    Raises:
        ConfigError: the file cannot be read, or there are no words.
    """
    listed = _words(words)
    if not listed:
        raise ConfigError("there are no forbidden words")
    body = "|".join(re.escape(word) for word in sorted(listed, key=len, reverse=True))
    pattern = re.compile(body if parts else rf"(?<!\w)(?:{body})(?!\w)")

    def check(text: str) -> list[str]:
        found = dict.fromkeys(pattern.findall(_plain(text)))
        return [f"it has the forbidden word {word!r}" for word in found]

    return check


def required_words(*words: str) -> Rule:
    """Each of ``words`` somewhere in the text, whatever its case."""

    def check(text: str) -> list[str]:
        plain = _plain(text)
        return [f"it lacks {word!r}" for word in words if _plain(word) not in plain]

    return check


def matches(pattern: str, told: str = "") -> Rule:
    """The whole text matches ``pattern``; ``told`` says in words what that means."""
    compiled = _compiled(pattern)
    problem = f"it is not {told}" if told else f"it does not match {pattern}"
    return lambda text: None if compiled.fullmatch(text.strip()) else problem


def max_words(most: int) -> Rule:
    """At most ``most`` words."""

    def check(text: str) -> str | None:
        count = len(text.split())
        return f"it has {count} words, and {most} are allowed" if count > most else None

    return check


class AnyOf:
    """See :func:`any_of`."""

    def __init__(self, rules: Sequence[Any]) -> None:
        self.rules = tuple(rules)

    def check(self, text: str) -> Generator[Any, Any, list[str]]:
        """What is wrong by the rule that finds least, where each finds something."""
        found: list[list[str]] = []
        for rule in self.rules:
            problems = yield from problems_of([rule], text)
            if not problems:
                return []
            found.append(problems)
        return ["none of these holds: " + "; ".join(p for problems in found for p in problems)]


def any_of(*rules: Any) -> AnyOf:
    """At least one of ``rules``.

    Raises:
        ConfigError: there are none.
    """
    if not rules:
        raise ConfigError("any_of needs at least one rule")
    return AnyOf(rules)


def problems_of(rules: Iterable[Any], text: str) -> Generator[Any, Any, list[str]]:
    """What ``rules`` find wrong with ``text``: a program, since a rule may ask a model.

    Functions come first; where they find something, no model is asked.
    """
    rules = list(rules)
    problems: list[str] = []
    for rule in rules:
        if not hasattr(rule, "check"):
            problems += _listed(rule(text))
    if problems:
        return problems
    for rule in rules:
        if hasattr(rule, "check"):
            problems += _listed((yield from rule.check(text)))
    return problems


def _listed(found: Any) -> list[str]:
    if not found:
        return []
    return [found] if isinstance(found, str) else [str(item) for item in found]


def _words(words: Iterable[str] | Path) -> set[str]:
    if isinstance(words, Path):
        try:
            lines = words.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the word list {words} cannot be read: {error}") from error
        words = (line.partition("#")[0] for line in lines)
    elif isinstance(words, str):
        raise ConfigError("forbidden_words takes a list of words or a Path", hint=f"[{words!r}]")
    return {plain for word in words if (plain := _plain(word).strip())}


def _plain(text: str) -> str:
    visible = "".join(c for c in unicodedata.normalize("NFKC", text) if not _hidden(c))
    return visible.casefold()


def _hidden(character: str) -> bool:
    return unicodedata.category(character) == "Cf"


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"the pattern {pattern!r} does not compile: {error}") from error
