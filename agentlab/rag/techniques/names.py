"""Names in documents: what a search for the next step can be about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from agentlab.rag.quoting import words_of

MOST = 40
_LONGEST = 60  # characters
_LOOKED_AT = 2_000  # characters of a text
_LINKS = frozenset({"of", "the", "de", "la", "von", "van", "der", "del", "di", "da", "du", "le"})
_OPENING, _CLOSING = "\"'“‘«([", ".,;:!?\"'”’»)]"
_ENDS = frozenset(".!?")
_INITIAL = re.compile(r"(\w|Mr|Ms|Mrs|Dr|St|Jr|Sr)\.")
_NUMBER = re.compile(r"\W*\d")


def names_in(texts: Sequence[str], but: str = "", most: int = MOST) -> list[str]:
    """The names in ``texts``, in their order, without those whose words are all in ``but``.

    A name is a run of words with capitals or numbers, linked by words like "of". The first word of
    a sentence belongs to one if others follow and it is nowhere written small.
    """
    small = {word for text in [*texts, but] for word in _small(text)}
    seen = set[frozenset[str]]()
    known, names = words_of(but), list[str]()
    for text in texts:
        for name in _runs(text[:_LOOKED_AT], small):
            words = frozenset(words_of(name))
            if words <= known or words in seen or not 1 < len(name) <= _LONGEST:
                continue
            seen.add(words)
            names.append(name)
            if len(names) == most:
                return names
    return names


def _small(text: str) -> Iterator[str]:
    for word in text[:_LOOKED_AT].split():
        bare = word.strip(_OPENING + _CLOSING)
        if bare.islower():
            yield bare


def _runs(text: str, small: set[str]) -> Iterator[str]:
    run: list[str] = []
    begins, first = True, True  # a sentence; the run does
    for token in [*text.split(), ""]:
        bare = token.lstrip(_OPENING)
        word = bare.rstrip(_CLOSING)
        if run and bare != token:
            yield from _named(run, first)
            run = []
        if not run:
            first = begins
        if begins and word.lower() in small:
            word = ""
        ends = True
        if word[:1].isupper() or (word and _NUMBER.match(word)):
            is_initial = bool(_INITIAL.fullmatch(bare))
            run.append(bare if is_initial else word)
            ends = bare != word and not is_initial
        elif run and token in _LINKS:
            run.append(token)
            ends = False
        if ends:
            yield from _named(run, first)
            run = []
        begins = ends and token.rstrip(_CLOSING[6:])[-1:] in _ENDS


def _named(run: Sequence[str], first: bool) -> Iterator[str]:
    """The run as a name, without what only links; none of numbers, or of a first word alone."""
    words = list(run)
    while words and words[-1] in _LINKS:
        words.pop()
    if any(word[:1].isupper() for word in words) and not (first and len(words) == 1):
        name = " ".join(words).strip(_OPENING)
        yield name.removesuffix("'s").removesuffix("’s")
