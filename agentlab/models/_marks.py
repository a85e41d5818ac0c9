"""Control tokens written in messages, kept from meaning anything."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentlab.models.template import Turn, Vocabulary


class Marks:
    """Control tokens in messages and tools, replaced by marks while the template works on them."""

    def __init__(
        self, turns: list[Turn], vocabulary: Vocabulary, tools: Sequence[Turn] = ()
    ) -> None:
        written = json.dumps([turns, tools], ensure_ascii=False, default=str)
        self._open, self._close = _unused(written, 2)
        self._texts: list[str] = []
        # What the assistant wrote may hold added tokens (`<think>`) that templates look for.
        own = any_of(frozenset(vocabulary.control_tokens))
        foreign = any_of(frozenset(vocabulary.added_tokens))
        self.turns: list[Turn] = [
            self._mark(turn, own if turn["role"] == "assistant" else foreign) for turn in turns
        ]
        self.tools: list[Turn] = [self._mark(tool, foreign) for tool in tools]

    def _mark(self, value: Any, tokens: re.Pattern[str]) -> Any:
        if isinstance(value, str):
            return tokens.sub(self._replace, value)
        if isinstance(value, Mapping):
            return {self._mark(k, tokens): self._mark(v, tokens) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self._mark(item, tokens) for item in value]
        return value

    def _replace(self, found: re.Match[str]) -> str:
        self._texts.append(found[0])
        return f"{self._open}{len(self._texts) - 1}{self._close}"

    def split(self, rendered: str) -> list[tuple[str, bool]]:
        """``rendered`` in parts, marks replaced; of each, whether control tokens in it count."""
        parts = []
        for place, piece in enumerate(re.split(f"{self._open}(\\d+){self._close}", rendered)):
            if place % 2:
                parts.append((self._texts[int(piece)], False))
            else:  # a template may have cut a mark in two
                whole = piece.replace(self._open, "").replace(self._close, "")
                parts.append((whole, True))
        return [part for part in parts if part[0]]


@lru_cache(maxsize=32)
def any_of(texts: frozenset[str]) -> re.Pattern[str]:
    """A pattern of any of ``texts``, the longest first."""
    longest_first = sorted(texts, key=lambda text: (-len(text), text))
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")


def _unused(text: str, count: int) -> list[str]:
    """Private-use characters that do not occur in ``text``."""
    used = set(text)
    codes = chain(range(0xE000, 0xF900), range(0xF0000, 0xFFFFE), range(0x100000, 0x10FFFE))
    free = (character for code in codes if (character := chr(code)) not in used)
    return list(islice(free, count))
