"""Votes over answers: which ones are the same answer, and when the winner is certain."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from agentlab.errors import ConfigError

Ballot = Literal["auto", "number", "choices", "text"]
_CURRENCY = r"[$€£¥]"
_IN_GROUPS = r"\d{1,3}(?:(?P<gap>[,_' ])\d{3})(?:(?P=gap)\d{3})*"
_DIGITS = rf"(?=\.?\d)(?:{_IN_GROUPS}|\d+)?(?:\.\d+)?(?:[eE][-+]?\d+)?"
_WORD = r"(?:[^\W\d_]+[23]?|°[CFK]?)"
_SCALE = r"k|M|B|(?ai:hundred|thousand|million|mn|billion|bn|trillion|tn)"
# Of a text with single spaces: with runs of them it would take too long.
_QUANTITY = re.compile(
    rf"(?P<before>{_CURRENCY})? ?(?P<sign>[-+]?) ?(?P<inner>{_CURRENCY})? ?(?P<digits>{_DIGITS})"
    rf"(?P<scale>K(?!\w)| ?(?:{_SCALE})(?!\w))?"
    rf"(?: ?(?P<after>%|{_CURRENCY}|{_WORD}))?(?: ?/ ?(?P<per>{_WORD}))?"
)
_SCALES = {"k": 3, "hundred": 2, "thousand": 3}
_SCALES |= {"million": 6, "mn": 6, "m": 6, "billion": 9, "bn": 9, "b": 9, "trillion": 12, "tn": 12}
_SAME_UNIT = {"percent": "%", "dollar": "$", "usd": "$", "euro": "€", "eur": "€"}
_SAME_UNIT |= {"feet": "foot", "people": "person", "children": "child"}
_OF_NUMBER = re.compile(r"(?P<number>-?\d+(?:\.\d+)?)(?: (?P<unit>[^\s\d]\S*))?")
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|nowhere|neither|nor|without|cannot|\w+n['’]t)\b"
)


def quantity_of(text: str) -> tuple[str, str] | None:
    """The number that ``text`` is, in one spelling, and its unit, which may be empty.

    ``$1,200.0`` is ``1200`` and ``$``, ``5 million`` is ``5000000``. None where it is none: a
    sentence, or digits in groups that are not of three.
    """
    cleaned = " ".join(unicodedata.normalize("NFKC", text).replace("−", "-").split())
    found = _QUANTITY.fullmatch(cleaned.lstrip(' *`"').rstrip(' *`".'))
    if found is None:
        return None
    try:
        value = Decimal(found["sign"] + re.sub(r"[,_' ]", "", found["digits"]))
    except InvalidOperation:
        return None
    if found["scale"]:
        value = value.scaleb(_SCALES[found["scale"].strip().casefold()])
    if not value.is_finite() or abs(value.adjusted()) > 60:
        return None
    value = value.normalize() if value else Decimal(0)
    units = [_unit(found[part]) for part in ("before", "inner", "after") if found[part]]
    per = f"/{_unit(found['per'])}" if found["per"] else ""
    return f"{value:f}", " ".join(dict.fromkeys(units)) + per


def _unit(name: str) -> str:
    """One spelling of a unit: small letters, one of it, and the sign of a currency."""
    name = name.casefold()
    if len(name) > 3 and not name.endswith(("ss", "us", "is")):
        name = re.sub(r"(?<=..)ies\Z", "y", name)
        name = re.sub(r"(?<=x|s)es\Z|(?<=ch|sh)es\Z|s\Z", "", name)
    return _SAME_UNIT.get(name, name)


def number_of(text: str) -> str | None:
    """The number that ``text`` is, in one spelling (``$1,200.0`` is ``1200``); None if it is none.

    A currency sign, one word of a unit and what it is per are seen through; a percentage stays one.
    """
    found = quantity_of(text)
    if found is None:
        return None
    number, unit = found
    return f"{number}%" if unit.startswith("%") else number


def _vote_of(text: str) -> str | None:
    """The number in ``text`` with its unit, so that 10 May is not 10 June; else the text."""
    found = quantity_of(text)
    if found is None:
        return folded(text) or None
    number, unit = found
    return f"{number}%" if unit == "%" else f"{number} {unit}".strip()


def folded(text: str) -> str:
    """``text`` without differences of case, accents of writing, outer signs and spaces."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(plain.split()).strip(" .,;:!?\"'`*()[]")


def choice_of(text: str, choices: Sequence[str]) -> str | None:
    """The one of ``choices`` that ``text`` is, whatever its case and signs; None if it is none."""
    wanted = folded(text)
    return next((choice for choice in choices if folded(choice) == wanted), None)


def normaliser(ballot: Ballot, choices: Sequence[str]) -> Callable[[str], str | None]:
    """What makes an answer a vote: its one spelling, or None for a spoiled one.

    Raises:
        ConfigError: ``ballot`` is unknown, or needs choices.
    """
    match ballot:
        case "number":
            return number_of
        case "choices":
            if len(choices) < 2:
                raise ConfigError("a vote on choices needs at least two of them")
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

    Two sentences that differ in one number, or in a "not", are near each other, and are not one
    answer.
    """
    import numpy as np

    def similar(a: str, b: str) -> bool:
        if number_of(a) is not None or number_of(b) is not None:
            return False
        if sorted(re.findall(r"\d+", a)) != sorted(re.findall(r"\d+", b)):
            return False
        if bool(_NEGATION.search(a)) is not bool(_NEGATION.search(b)):
            return False
        left, right = np.asarray(vectors[a]), np.asarray(vectors[b])
        norm = float(np.linalg.norm(left) * np.linalg.norm(right))
        return bool(norm) and float(left @ right) / norm >= least

    return similar
