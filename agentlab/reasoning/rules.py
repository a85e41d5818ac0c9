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

# Letters that stand alone, the same sign between them.
_SPELLED = re.compile(r"(?<![^\W_])[^\W_](?P<gap>[\W_]{1,3})[^\W_](?:(?P=gap)[^\W_])+(?![^\W_])")
Rule: TypeAlias = Callable[[str], Any]


def personal_data(*kinds: str, patterns: Mapping[str, str] | None = None) -> Rule:
    """No personal data: e-mail, phone, card, iban, ip, ssn (all by default), and own ``patterns``.

    Cards and IBANs are checked by their check digits. Wide letters and any kind of dash or space
    are seen through, not by ``patterns``. What was found is named and never quoted.

    Raises:
        ConfigError: an unknown kind, one that is no text, or a pattern that does not compile.
    """
    for kind in kinds:
        if not isinstance(kind, str):
            raise ConfigError(
                f"a kind of personal data is a text, not {kind!r}",
                hint='personal_data("email", "phone")',
            )
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
    """None of ``words`` (or the lines of a file; ``#`` begins a comment, at the beginning of a line
    or after a space), whatever their case.

    The same sign between all letters (c-h-e-a-p), hidden signs, line breaks between words and
    look-alike wide letters are seen through. ``parts`` looks inside of words too.

    Raises:
        ConfigError: the file cannot be read, or there are no words.
    """
    listed = _words(words)
    if not listed:
        raise ConfigError("there are no forbidden words")
    longest = sorted(listed, key=len, reverse=True)
    body = "|".join(r"\s+".join(map(re.escape, word.split())) for word in longest)
    pattern = re.compile(body if parts else rf"(?<!\w)(?:{body})(?!\w)")

    def check(text: str) -> list[str]:
        plain = _plain(text)
        found = pattern.findall(plain) + pattern.findall(_SPELLED.sub(_joined, plain))
        named = dict.fromkeys(" ".join(word.split()) for word in found)
        return [f"it has the forbidden word {word!r}" for word in named]

    return check


def required_words(*words: str) -> Rule:
    """Each of ``words`` somewhere in the text, whatever its case.

    Raises:
        ConfigError: one of them is no text.
    """
    if wrong := [word for word in words if not isinstance(word, str)]:
        raise ConfigError(f"a required word is a text, not {wrong[0]!r}")

    def check(text: str) -> list[str]:
        plain = " ".join(_plain(text).split())
        return [f"it lacks {w!r}" for w in words if " ".join(_plain(w).split()) not in plain]

    return check


def matches(pattern: str, told: str = "") -> Rule:
    """The whole text matches ``pattern``; ``told`` says in words what that means."""
    compiled = _compiled(pattern)
    problem = f"it is not {told}" if told else f"it does not match {pattern}"
    return lambda text: None if compiled.fullmatch(text.strip()) else problem


def max_words(most: int) -> Rule:
    """At most ``most`` words.

    Raises:
        ConfigError: ``most`` is no whole number.
    """
    if isinstance(most, bool) or not isinstance(most, int) or most < 0:
        raise ConfigError(f"max_words takes a whole number of words, not {most!r}")

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
        ConfigError: there are none, or one that is no rule.
    """
    if not rules:
        raise ConfigError("any_of needs at least one rule")
    check_rules(rules)
    return AnyOf(rules)


def check_rules(rules: Any) -> None:
    """Refuse what is no list of rules.

    Raises:
        ConfigError: it is none.
    """
    if not isinstance(rules, list | tuple):
        raise ConfigError(f"rules is a list of rules, not {_named(rules)}", hint="rules=[…]")
    for rule in rules:
        if not callable(rule) and not hasattr(rule, "check"):
            raise ConfigError(f"a rule is a function of a text, not {_named(rule)}")
        module, name = getattr(rule, "__module__", ""), getattr(rule, "__qualname__", "<")
        if str(module).startswith("agentlab.reasoning.") and "<" not in name:
            raise ConfigError(f"{name} makes a rule when it is called", hint=f"give {name}(…)")


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
    if isinstance(found, str):
        return [found] if found else []
    if found is None:
        return []
    if isinstance(found, bool | Mapping) or not isinstance(found, Iterable):
        raise ConfigError(
            f"a rule returns what is wrong (a text or several), or nothing, not {_named(found)}",
            hint='such as: return None if fine else "it is not fine"',
        )
    return [str(item) for item in found]


def _named(value: Any) -> str:
    simple = value is None or isinstance(value, bool | int | float | str)
    return repr(value) if simple else f"a {type(value).__name__}"


def _words(words: Iterable[str] | Path) -> set[str]:
    if isinstance(words, Path):
        try:
            lines = words.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the word list {words} cannot be read: {error}") from error
        words = (re.sub(r"(?:^|\s)#.*", "", line) for line in lines)
    elif isinstance(words, str) or not isinstance(words, Iterable):
        raise ConfigError("forbidden_words takes a list of words or a Path", hint=f"[{words!r}]")
    words = list(words)
    if wrong := [word for word in words if not isinstance(word, str)]:
        raise ConfigError(f"a forbidden word is a text, not {wrong[0]!r}")
    return {plain for word in words if (plain := _plain(word).strip())}


def _plain(text: str) -> str:
    visible = "".join(c for c in unicodedata.normalize("NFKC", text) if not _hidden(c))
    return visible.casefold()


def _joined(spelled: re.Match[str]) -> str:
    return spelled[0].replace(spelled["gap"], "")


def _hidden(character: str) -> bool:
    return unicodedata.category(character) == "Cf"


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"the pattern {pattern!r} does not compile: {error}") from error
