"""How far a text holds a sentence, and the words of the text that hold it, by counting words.

It finds what was made up. It cannot tell true from false: a "not" goes unseen, and so does a name
that the text has in another place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from agentlab.rag.sentences import Span, sentence_spans

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\d_]+")
_NUMBERS = dict(
    zip(
        "two three four five six seven eight nine ten eleven twelve".split(),  # noqa: SIM905
        map(str, range(2, 13)),
        strict=True,
    )
)
_COMMON = frozenset(
    """
    about all also and any are because been but can could did does for from get gets had has have
    her him his how its may more must not only our out shall she should some such than that the
    their them then there these they this those was were what when where which who whom whose why
    will with would yes you your
    """.split()  # noqa: SIM905
)
_LONGEST = 320  # characters of a quote
_STEM = 6  # letters by which words are compared


def words_of(text: str) -> set[str]:
    """The words of ``text`` that tell something, in the form in which they are compared.

    Numbers as digits without signs between thousands; words of three letters or more by their
    first six, without a plural s; the signs of scripts without spaces one by one.
    """
    return {key for _, _, key in _keys(text)}


def share(sentence: str, text: str) -> float:
    """The share of ``sentence``'s words that are in ``text``, from 0 to 1."""
    wanted = words_of(sentence)
    return len(wanted & words_of(text)) / len(wanted) if wanted else 0.0


def support(sentence: str, texts: Sequence[str]) -> float:
    """The :func:`share` of ``sentence`` in ``texts`` together.

    It is 0 when a number of the sentence, written in digits, is in none of them.
    """
    together = "\n\n".join(texts)
    return share(sentence, together) if _digits(sentence) <= words_of(together) else 0.0


def best_span(sentence: str, text: str) -> Span | None:
    """The sentence of ``text``, or two in a row, with most of ``sentence``'s words.

    Of a long one only the part with most of them. None when not one word is there, but for words
    of more than 80 letters, which no quote may hold whole.
    """
    wanted = words_of(sentence)
    keys = list(_keys(text))
    best: tuple[tuple[int, int], Span] | None = None
    for start, end in _candidates(text):
        held = len({key for at, stop, key in keys if start <= at and stop <= end} & wanted)
        # One word more is worth 60 characters: a second sentence has to bring something.
        rank = (held * 60 - (end - start), -start)
        if held and (best is None or rank > best[0]):
            best = (rank, (start, end))
    return None if best is None else best[1]


def pieces(text: str) -> Iterator[Span]:
    """The sentences of ``text``, long ones in parts: what can be quoted."""
    for span in sentence_spans(text):
        if span[1] - span[0] > _LONGEST:
            yield from _windows(text, span)
        else:
            yield span


def _candidates(text: str) -> Iterator[Span]:
    previous: Span | None = None
    for span in sentence_spans(text):
        if span[1] - span[0] > _LONGEST:
            yield from _windows(text, span)
            previous = None
            continue
        yield span
        if previous is not None and span[1] - previous[0] <= _LONGEST:
            yield previous[0], span[1]
        previous = span


def _windows(text: str, span: Span) -> Iterator[Span]:
    """Parts of a long sentence, at the borders of words where it has any."""
    places = [match.span() for match in re.compile(r"\S{1,80}").finditer(text, *span)]
    for first in range(0, len(places), 5):
        last = first
        while last + 1 < len(places) and places[last + 1][1] - places[first][0] <= _LONGEST:
            last += 1
        yield places[first][0], places[last][1]
        if last + 1 == len(places):
            return


def _keys(text: str) -> Iterator[tuple[int, int, str]]:
    for match in _WORD.finditer(text):
        key = _key(match[0])
        if key:
            yield match.start(), match.end(), key


def _digits(text: str) -> set[str]:
    return {_key(match[0]) for match in _WORD.finditer(text) if match[0][0].isdigit()}


def _key(word: str) -> str:
    """What ``word`` is compared by; empty for one that tells nothing."""
    if word[0].isdigit():
        return re.sub(r",(?=\d{3}(?:\D|$))", "", word)
    plain = unicodedata.normalize("NFKD", word.casefold())
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    if plain in _NUMBERS:
        return _NUMBERS[plain]
    if word.isascii() and (len(plain) < 3 or plain in _COMMON):
        return ""
    stem = plain[:-1] if plain.endswith("s") and len(plain) > 3 else plain
    return stem[:_STEM]
