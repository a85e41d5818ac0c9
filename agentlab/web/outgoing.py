"""Secrets in a text that is about to be sent, also where they are written in disguise.

A page can tell a model to send a key, and to write it in a way that no filter knows: with a
percent-escape, in base64, in wide letters, cut in two. So a text is read in all these ways.
"""

from __future__ import annotations

import binascii
import re
import unicodedata
import urllib.parse
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate, islice, pairwise

from agentlab.recording.secrets import KEY_FORMATS, Rule, Scrubber

_SHORTEST = 8  # no secret has fewer characters
_LAYERS = 3  # such as base64 of base64, escaped
_ROUNDS = 8  # %252525…
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{11,}")
_URL_SAFE = str.maketrans("-_", "+/")
_HEX = re.compile(r"[0-9A-Fa-f]{16,}")
_PLAIN = re.compile(rb"[\t\n\r -~]{8,}")  # what was no text before it was encoded decodes to few
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
_SEPARATOR = "[^A-Za-z0-9_.-]"  # no character of a key
_LONGEST = 300  # characters of a key in pieces
_MOST = 1000  # beginnings of keys that are looked at


def secret_in(text: str) -> str:
    """The rule of a secret that ``text`` holds, however it is written; empty if it holds none."""
    scrubber = Scrubber()
    values = tuple(scrubber.values)
    for reading in _readings(text):
        if spans := scrubber.find(reading):
            return spans[0][2]
        if _holds_value(reading, values):
            return "env"
        if name := _key_in_pieces(reading):
            return name
    return ""


def _readings(text: str) -> Iterator[str]:
    """``text``, and what it says without escapes, encodings and signs that nobody sees."""
    waiting = [(text, 0)]
    seen: set[str] = set()
    while waiting:
        reading, layer = waiting.pop()
        if len(reading) < _SHORTEST or reading in seen:
            continue
        seen.add(reading)
        yield reading
        if layer < _LAYERS:
            whole = "".join(reading.split())  # encoders break lines
            waiting += [
                (other, layer + 1)
                for other in (
                    _unquoted(reading),
                    reading.replace("+", " "),
                    _folded(reading),
                    *(_from_base64(form) for form in {reading, whole}),
                    *(_from_hex(form) for form in {reading, whole}),
                )
            ]


def _unquoted(text: str) -> str:
    for _ in range(_ROUNDS):
        plain = urllib.parse.unquote(text)
        if plain == text:
            break
        text = plain
    return text


def _folded(text: str) -> str:
    return _UNSEEN.sub("", text if text.isascii() else unicodedata.normalize("NFKC", text))


def _from_base64(text: str) -> str:
    """The texts that ``text`` holds in base64, wherever in a run of its characters they begin."""
    parts: list[bytes] = []
    for match in _BASE64.finditer(text):
        run = match.group().translate(_URL_SAFE)
        for start in range(4):
            part = run[start:]
            part = part[: len(part) - (len(part) % 4 == 1)]
            parts += _PLAIN.findall(binascii.a2b_base64(part + "=" * (-len(part) % 4)))
    return b"\n".join(parts).decode("ascii")


def _from_hex(text: str) -> str:
    """The same for hexadecimal."""
    parts: list[bytes] = []
    for match in _HEX.finditer(text):
        for start in range(2):
            part = match.group()[start:]
            parts += _PLAIN.findall(bytes.fromhex(part[: len(part) // 2 * 2]))
    return b"\n".join(parts).decode("ascii")


def _holds_value(text: str, values: tuple[str, ...]) -> bool:
    """Whether one of ``values`` is in ``text``, in capitals or not, in one piece or several."""
    lower, squeezed = text.casefold(), _squeezed(text)
    return any(value in lower or (bare and bare in squeezed) for value, bare in _forms(values))


@lru_cache(maxsize=4)
def _forms(values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Each value in small letters, and its letters and digits, empty where they are plain words."""
    bare = ((value, _squeezed(value)) for value in values)
    return tuple((value.casefold(), text if _is_distinct(text) else "") for value, text in bare)


def _squeezed(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def _is_distinct(text: str) -> bool:
    """Whether other words, put together, hardly ever come to ``text``."""
    mixed = any(c.isdigit() for c in text) and any(c.isalpha() for c in text)
    return len(text) >= (_SHORTEST if mixed else 2 * _SHORTEST)


def _key_in_pieces(text: str) -> str:
    """The format of a key with separators in it; empty if there is none."""
    lower = text.lower()
    for rule, beginning in _BEGINNINGS:
        if not any(trigger[0] in lower for trigger in rule.triggers):
            continue
        for match in islice(beginning.finditer(text), _MOST):
            pieces = re.split(_SEPARATOR, text[match.start() : match.start() + _LONGEST])
            # It may end at any of its separators, and prose follow. Words and years are no key.
            if all(len(p) > 1 and (p.isalpha() or p.isdigit()) for p in filter(None, pieces)):
                continue
            if _is_mixed("".join(pieces)) and any(map(rule.pattern.match, accumulate(pieces))):
                return rule.name
    return ""


def _beginning(rule: Rule) -> re.Pattern[str]:
    """Where a key of the rule may begin."""
    spread = (f"{_SEPARATOR}{{0,3}}".join(map(re.escape, trigger)) for trigger in rule.triggers)
    return re.compile(rf"(?i)(?<![A-Za-z0-9])(?:{'|'.join(spread)})")


_BEGINNINGS = [(rule, _beginning(rule)) for rule in KEY_FORMATS]


def _is_mixed(text: str) -> bool:
    """Whether capitals, small letters and digits take turns at its beginning, as in no words."""
    kinds = ["0" if c.isdigit() else c.isupper() for c in text if c.isalnum()][:32]
    changes = sum(a != b for a, b in pairwise(kinds))
    return changes >= 0.2 * len(kinds)
