"""Votes over answers: which ones are the same answer, and when the winner is certain."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from agentlab.errors import ConfigError
from agentlab.reasoning.quantities import number_of, plain, quantity_of, same_numbers

Ballot = Literal["auto", "number", "choices", "text"]
_OF_NUMBER = re.compile(r"(?P<number>-?\d+(?:\.\d+)?)(?: (?P<unit>[^\s\d]\S*))?")
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|nowhere|neither|nor|non|without|cannot|\w+n['’]t)\b"
)
# What makes a word its opposite, and how long the word is at least: "into" is none of "to".
_OPPOSING = {"un": 3, "dis": 3, "non": 3, "in": 4, "im": 4, "il": 4, "ir": 4}
_SPACE_AND_SIGNS = " .,;:!?\"'`*"
_BOUNDS = {"inf", "infinity", "infty", "oo", "pi", "sqrt"}


def _vote_of(text: str) -> str | None:
    """The number in ``text`` with its unit, so that 10 May is not 10 June; else the text."""
    found = quantity_of(text)
    if found is None:
        return folded(text) or None
    number, unit = found
    return f"{number}%" if unit == "%" else f"{number} {unit}".strip()


def folded(text: str) -> str:
    """``text`` without differences of case, accents of writing, outer signs and spaces."""
    return _bare(plain(text).casefold())


def _bare(text: str) -> str:
    """``text`` without outer signs, and brackets around all of it; those of an interval stay.

    A bracket without its other half, as in ``b)``, is a sign too.
    """
    text = " ".join(text.split())
    for _ in range(4):  # not for as long as there are some: that could be long
        text = text.strip(_SPACE_AND_SIGNS)
        opening, closing = re.search(r"[(\[]", text), re.search(r"[)\]]", text)
        if _wrapped(text):
            text = text if _is_interval(text[1:-1]) else text[1:-1]
        elif not closing and not _is_interval(text.strip("([")):
            text = text.lstrip("([")
        elif not opening and not _is_interval(text.strip(")]")):
            text = text.rstrip(")]")
    return text.strip(_SPACE_AND_SIGNS)


def _wrapped(text: str) -> bool:
    """Whether the bracket at the beginning is closed, by one of its kind, at the end only."""
    if not text.startswith(("(", "[")) or text[-1] != {"(": ")", "[": "]"}[text[0]]:
        return False
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign in "([") - (sign in ")]")
        if depth == 0:
            return place == len(text) - 1
    return False


def _is_interval(inside: str) -> bool:
    """Whether it is two bounds: neither has a word in it."""
    bounds = re.split("[,;]", inside)
    words = re.findall(r"[^\W\d_]{2,}", inside.casefold())
    return len(bounds) == 2 and all(bounds) and not set(words) - _BOUNDS


def choice_of(text: str, choices: Sequence[str]) -> str | None:
    """The one of ``choices`` that ``text`` is, whatever its case and signs; None if it is none.

    One that is written just so comes first, then one in the same case: ``c`` is not ``C`` where
    both are choices, and ``C.`` is. None where two are as near.
    """
    for spelling in _SPELLINGS:
        wanted = spelling(text)
        found = [choice for choice in choices if spelling(choice) == wanted]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _cased(text: str) -> str:
    return _bare(plain(text))


_SPELLINGS: tuple[Callable[[str], str], ...] = (str.strip, _cased, folded)


def check_choices(choices: Sequence[str]) -> None:
    """Refuse choices of which no answer could be told to be one.

    Raises:
        ConfigError: there are less than two, one is no text, has no letter or digit that counts, or
            is the same as another one but for signs.
    """
    if len(choices) < 2:
        raise ConfigError("a vote on choices needs at least two of them")
    seen: dict[str, str] = {}
    for choice in choices:
        if not isinstance(choice, str):
            raise ConfigError(f"a choice is a text, not {choice!r}", hint=f'"{choice}"')
        bare = _cased(choice)
        if not bare:
            raise ConfigError(
                f"the choice {choice!r} has nothing but signs that are not counted",
                hint="name it by a word",
            )
        if bare in seen:
            raise ConfigError(
                f"the choices {seen[bare]!r} and {choice!r} are the same to a vote",
                hint="signs around a choice are not counted; give each one once",
            )
        seen[bare] = choice


def normaliser(ballot: Ballot, choices: Sequence[str]) -> Callable[[str], str | None]:
    """What makes an answer a vote: its one spelling, or None for a spoiled one.

    Raises:
        ConfigError: ``ballot`` is unknown, or its choices are wrong.
    """
    match ballot:
        case "number":
            return number_of
        case "choices":
            check_choices(choices)
            return lambda text: choice_of(text, choices)
        case "auto" | "text":
            return _vote_of
    raise ConfigError(f"vote must be auto, number, choices or text, not {ballot!r}")


@dataclass(slots=True)
class Count:
    """The votes so far, one group an answer, in the order they first came.

    ``similar(a, b)`` tells whether two answers are one; without it they are by their spelling.
    With ``units`` a number without a unit is counted with the same number that has one, of several
    with the one that leads then: of 18, $18 and 18 apples the first two are one answer.
    """

    similar: Callable[[str, str], bool] | None = None
    units: bool = False
    groups: list[tuple[str, list[int]]] = field(default_factory=list)

    def add(self, path: int, vote: str | None) -> None:
        """Count the vote of a path; None is a spoiled one."""
        if vote is None:
            return
        for key, paths in self.groups:
            if key == vote or (self.similar is not None and self.similar(key, vote)):
                paths.append(path)
                return
        if not self.units or not self._joins(path, vote):
            self.groups.append((vote, [path]))

    def _joins(self, path: int, vote: str) -> bool:
        """Count it in the group of the same number where one of the two has no unit.

        Groups only grow by it, and are never put together: what was settled stays so.
        """
        new = _OF_NUMBER.fullmatch(vote)
        for key, paths in self.ranked if new is not None else ():
            old = _OF_NUMBER.fullmatch(key)
            if old is None or new is None or old["number"] != new["number"]:
                continue
            if new["unit"] is None or old["unit"] is None:
                at = self.groups.index((key, paths))
                self.groups[at] = (key if old["unit"] else vote, [*paths, path])
                return True
        return False

    @property
    def ranked(self) -> list[tuple[str, list[int]]]:
        """The groups, the largest first; of equals the one that came first."""
        return sorted(self.groups, key=lambda group: -len(group[1]))

    def lead(self) -> tuple[int, int]:
        """The votes of the first and of the second."""
        sizes = [len(paths) for _, paths in self.ranked] + [0, 0]
        return sizes[0], sizes[1]

    def settled(self, left: int) -> bool:
        """Whether ``left`` more votes cannot change the winner."""
        first, second = self.lead()
        return first > second + left

    def next_round(self, left: int) -> int:
        """The fewest further votes after which the winner may be certain; at most ``left``."""
        first, second = self.lead()
        return max(1, min(left, (second + left - first) // 2 + 1))


def cosine_above(vectors: dict[str, Any], least: float) -> Callable[[str, str], bool]:
    """Whether two texts have vectors with a cosine of at least ``least``; numbers never do.

    Two sentences that differ in one number, in a "not" or an opposite, or in who did what to whom,
    are near each other, and are not one answer.
    """
    import numpy as np

    def similar(a: str, b: str) -> bool:
        if number_of(a) is not None or number_of(b) is not None:
            return False
        if not same_numbers(a, b) or _contrary(a, b):
            return False
        left, right = np.asarray(vectors[a]), np.asarray(vectors[b])
        norm = float(np.linalg.norm(left) * np.linalg.norm(right))
        return bool(norm) and float(left @ right) / norm >= least

    return similar


def _contrary(one: str, other: str) -> bool:
    """Whether one of them denies something, has the opposite, or the same words in other order."""
    if bool(_NEGATION.search(one)) is not bool(_NEGATION.search(other)):
        return True
    left, right = re.findall(r"\w+", one), re.findall(r"\w+", other)
    if left != right and Counter(left) == Counter(right):
        return True
    ours, theirs = set(left) - set(right), set(right) - set(left)
    return _opposed(ours, theirs) or _opposed(theirs, ours)


def _opposed(words: set[str], others: set[str]) -> bool:
    """Whether one of ``others`` is the opposite of one of ``words``: unsafe of safe."""
    if "true" in words and "false" in others:
        return True
    return any(
        len(word) >= least and prefix + word in others
        for prefix, least in _OPPOSING.items()
        for word in words
    )
