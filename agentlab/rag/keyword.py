"""BM25 over the words of the chunks: what is a word, and an index of them on disk.

Words are compared without case, accents and endings (Snowball's stemmer), and common words count
for nothing. Chinese, Japanese and Korean, which part no words, are taken as pairs of signs.
Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, in
Lucene's form, as bm25s computes it.
"""

from __future__ import annotations

import functools
import json
import threading
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import regex

from agentlab.errors import ConfigError
from agentlab.rag.bm25 import save_bm25

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FOLDER = "words"
_TOKENS, _ENDS, _ROWS, _VOCABULARY = "tokens.npy", "ends.npy", "rows.npy", "vocabulary.json"
_CJK = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}"
_RUN = regex.compile(rf"[{_CJK}]+|[\p{{L}}\p{{N}}\p{{M}}--[{_CJK}]]+", regex.V1)
_IS_CJK = regex.compile(rf"[{_CJK}]")
_APOSTROPHE = regex.compile(r"(?<=\p{L})['’](?=\p{L})")


def languages() -> list[str]:
    """The languages whose endings and common words are known, and ``none``."""
    import Stemmer

    return [*Stemmer.algorithms(), "none"]


def words(text: str, language: str = "english") -> list[str]:
    """The words of ``text`` as they are compared, in order."""
    stem, common = _language(language)
    flat = unicodedata.normalize("NFKD", _APOSTROPHE.sub("", text)).casefold()
    flat = "".join(sign for sign in flat if not unicodedata.combining(sign))
    # Decomposed Hangul must be put together again.
    found: list[str] = []
    for run in _RUN.findall(unicodedata.normalize("NFC", flat)):
        if _IS_CJK.match(run):
            found += [run[i : i + 2] for i in range(len(run) - 1)] or [run]
        elif run not in common:
            found.append(run)
    return stem.stemWords(found) if stem is not None else found


@functools.lru_cache(maxsize=8)
def _language(name: str) -> tuple[Any, frozenset[str]]:
    if name == "none":
        return None, frozenset()
    if name not in languages():
        raise ConfigError(
            f"there are no word endings known for {name!r}", hint=f"use {', '.join(languages())}"
        )
    import Stemmer
    from bm25s import stopwords

    # Of English the long list: questions are full of words like "what" and "which".
    listed = f"STOPWORDS_{'EN_PLUS' if name == 'english' else name.upper()}"
    common = {_APOSTROPHE.sub("", word) for word in getattr(stopwords, listed, ())}
    if name == "english":
        # Rests of contractions, which are not parted here: D is a vitamin.
        common = {word for word in common if len(word) > 1 or word in ("a", "i")}
    return _Stemmer(Stemmer.Stemmer(name)), frozenset(common)


class _Stemmer:
    """PyStemmer's stemmers are not for several threads at once."""

    def __init__(self, stemmer: Any) -> None:
        self._stemmer = stemmer
        self._lock = threading.Lock()

    def stemWords(self, found: list[str]) -> list[str]:  # noqa: N802
        with self._lock:
            return list(self._stemmer.stemWords(found))


class Words:
    """The words of one build's chunks, for searching."""

    def __init__(self, folder: Path, language: str) -> None:
        import numpy as np

        self.language = language
        self.rows: NDArray[np.int64] = np.load(folder / _ROWS, allow_pickle=False)
        self._bm25: Any = None
        if (folder / "bm25").is_dir():
            import bm25s

            self._bm25 = bm25s.BM25.load(folder / "bm25", mmap=True, show_progress=False)

    def search(
        self, query: str, k: int, rows: NDArray[np.int64] | None = None
    ) -> list[tuple[int, float]]:
        """The ``k`` best of ``rows`` (all by default) with their scores, best first.

        Chunks without a word of the query are never among them.
        """
        import numpy as np

        scores = self._scores(query)
        if scores is None:
            return []
        if rows is not None:
            scores = np.where(np.isin(self.rows, rows), scores, 0)
        hits = np.flatnonzero(scores > 0)
        if len(hits) > k:
            # All that are as good as the k-th, so that the order among equals is always the same.
            least = np.partition(scores[hits], len(hits) - k)[len(hits) - k]
            hits = hits[scores[hits] >= least]
        best = hits[np.lexsort((self.rows[hits], -scores[hits]))][:k]
        return [(int(self.rows[i]), float(scores[i])) for i in best]

    def scores(self, query: str, rows: Sequence[int]) -> list[float]:
        """The score of each of ``rows``, which are all in the index; 0 without a word in common."""
        import numpy as np

        scores = self._scores(query)
        if scores is None:
            return [0.0] * len(rows)
        found: list[float] = scores[np.searchsorted(self.rows, rows)].tolist()
        return found

    def _scores(self, query: str) -> NDArray[np.float32] | None:
        """The scores of all chunks; None where no word of the query is known."""
        if self._bm25 is None:
            return None
        known = self._bm25.get_tokens_ids(words(query, self.language))
        if not known:
            return None
        scores: NDArray[np.float32] = self._bm25.get_scores_from_ids(known)
        return scores


def write_words(
    folder: Path,
    language: str,
    rows: Sequence[int],
    texts: Mapping[int, str],
    base: Path | None,
    renumbered: Mapping[int, int] | None,
) -> None:
    """Write the index of the chunks ``rows``, ascending, the new ones last.

    Args:
        texts: the texts of those chunks that are not in ``base``, by row.
        base: the folder of the build before, whose words need not be looked for again.
        renumbered: the rows of ``base`` by their new number, where they were given new ones.
    """
    import numpy as np

    folder.mkdir()
    vocabulary, kept, lengths = _kept(base, [r for r in rows if r not in texts], renumbered)
    fresh = [
        [vocabulary.setdefault(w, len(vocabulary)) for w in words(texts[row], language)]
        for row in rows[len(lengths) :]
    ]
    new = [np.array(ids, np.int32) for ids in fresh]
    tokens = np.concatenate([kept, *new])
    lengths = np.concatenate([lengths, np.array([len(ids) for ids in new], np.int64)])
    np.save(folder / _TOKENS, tokens)
    np.save(folder / _ENDS, np.cumsum(lengths))
    np.save(folder / _ROWS, np.array(rows, np.int64))
    (folder / _VOCABULARY).write_text(
        json.dumps(list(vocabulary), ensure_ascii=False), encoding="utf-8"
    )
    if len(tokens):
        save_bm25(folder / "bm25", tokens, lengths, vocabulary)


def _kept(
    base: Path | None, rows: Sequence[int], renumbered: Mapping[int, int] | None
) -> tuple[dict[str, int], NDArray[np.int32], NDArray[np.int64]]:
    """The words of ``base`` with their numbers, those of its chunks ``rows`` one after the other,
    and how many each chunk has."""
    import numpy as np

    if base is None or not base.is_dir():
        return {}, np.zeros(0, np.int32), np.zeros(0, np.int64)
    names = json.loads((base / _VOCABULARY).read_text(encoding="utf-8"))
    tokens = np.load(base / _TOKENS, allow_pickle=False)
    lengths = np.diff(np.load(base / _ENDS, allow_pickle=False), prepend=0)
    known = np.load(base / _ROWS, allow_pickle=False)
    wanted = [renumbered[row] for row in rows] if renumbered is not None else rows
    stays = np.isin(known, np.array(wanted, np.int64))
    vocabulary = {word: number for number, word in enumerate(names)}
    return vocabulary, tokens[np.repeat(stays, lengths)], lengths[stays]
