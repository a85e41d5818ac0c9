"""Whether a passage supports a statement: functions of (passage, statement), from 0 to 1.

Any function of that shape will do, such as an entailment model's probability.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from agentlab.evaluation.sentences import statements

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

Support = Callable[[str, str], float]

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_COMMON_WORDS = """
a about after all also an and any are as at be been being but by can could did do does for from
had has have he her his how i if in into is it its may might more most no not of on or other our
she should so some such than that the their them then there these they this those to was we were
what when where which while who will with would you your
"""
_COMMON = frozenset(_COMMON_WORDS.split())


def word_overlap(passage: str, statement: str) -> float:
    """The share of the statement's content words that the passage has; 0 without any.

    It does not see negation, order or paraphrase.
    """
    words = content_words(statement)
    return len(words & content_words(passage)) / len(words) if words else 0.0


def word_and_number_overlap(passage: str, statement: str) -> float:
    """:func:`word_overlap`, times the share of the statement's numbers that the passage has."""
    numbers = set(_NUMBER.findall(statement))
    share = len(numbers & set(_NUMBER.findall(passage))) / len(numbers) if numbers else 1.0
    return share * word_overlap(passage, statement)


def content_words(text: str) -> set[str]:
    """The words of ``text`` in lower case, without the most common English ones."""
    return set(_WORD.findall(text.casefold())) - _COMMON


class CosineSupport:
    """The highest cosine of the statement and a window of the passage, 0 where it is negative.

    Embeddings put related texts close, whether they agree or not: it tells off the subject from on
    it, not true from false. What is high differs between models: see ``bench/judges.py``.

    Args:
        embeddings: any LangChain embeddings. Both sides are embedded as documents.
        window: sentences in a window; windows overlap by half. 0: the passage whole.
    """

    def __init__(self, embeddings: Embeddings, window: int = 3) -> None:
        self._embeddings = embeddings
        self._window = window
        self._known: dict[str, list[float]] = {}

    def __call__(self, passage: str, statement: str) -> float:
        """The support, from 0 to 1."""
        parts = self._windows(passage)
        if not parts or not statement.strip():
            return 0.0
        vectors = self._vectors([statement, *parts])
        return max(cosine(vectors[0], vector) for vector in vectors[1:])

    def _windows(self, passage: str) -> list[str]:
        if not self._window:
            return [passage] if passage.strip() else []
        sentences = [statement.text for statement in statements(passage)]
        step = max(1, self._window // 2)
        starts = range(0, max(1, len(sentences) - self._window + step), step)
        found = (" ".join(sentences[at : at + self._window]) for at in starts)
        return [window for window in found if window]

    def _vectors(self, texts: Sequence[str]) -> list[list[float]]:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            embedded = self._embeddings.embed_documents(new)
            self._known.update(zip(new, embedded, strict=True))
        return [self._known[text] for text in texts]


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    """The cosine of two vectors, between 0 and 1: 0 where it is negative or a vector is 0."""
    length = math.sqrt(math.fsum(x * x for x in a) * math.fsum(x * x for x in b))
    if not length:
        return 0.0
    return min(max(math.fsum(x * y for x, y in zip(a, b, strict=True)) / length, 0.0), 1.0)
