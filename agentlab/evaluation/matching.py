"""An answer against known right ones: exact match and token F1, as SQuAD defines them."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


def normalise(text: str) -> str:
    """Lower case, without ASCII punctuation, articles and extra space (Rajpurkar et al. 2016)."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(answer: str, truths: Iterable[str]) -> float:
    """1 where ``answer`` is one of ``truths`` after :func:`normalise`, else 0."""
    return float(any(normalise(answer) == normalise(truth) for truth in truths))


def token_f1(answer: str, truths: Iterable[str]) -> float:
    """The harmonic mean of the precision and recall of words; of several truths the best.

    Where one side has no words after :func:`normalise`: 1 if the other has none either, else 0.
    """
    return max((_f1(answer, truth) for truth in truths), default=0.0)


def _f1(answer: str, truth: str) -> float:
    said, wanted = normalise(answer).split(), normalise(truth).split()
    if not said or not wanted:
        return float(said == wanted)
    shared = sum((Counter(said) & Counter(wanted)).values())
    return 2 * shared / (len(said) + len(wanted))
