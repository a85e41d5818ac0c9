"""Words, BM25, fusion, diversity and filters."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentlab.errors import ConfigError
from agentlab.rag.fuse import diversify, fuse_ranks, fuse_scores
from agentlab.rag.keyword import Words, words, write_words

TEXTS = ["The cat sat on the mat.", "Dogs chase cats; cats run!", "A pump runs.", "", "Katze"]


def test_words_are_compared_without_case_accents_and_endings() -> None:
    assert words("The CAFÉ’s owners don't run naïvely!") == ["cafe", "owner", "run", "naiv"]
    assert words("cafe owner") == words("Cafe\u0301 OWNERS")
    assert words("straße ﬁne ½") == ["strass", "fine", "1", "2"]
    assert words("自然言語") == ["自然", "然言", "言語"]
    assert words("한국어") == ["한국", "국어"]
    assert words("Die Häuser", "german") == ["haus"]
    assert words("What is vitamin D?") == ["vitamin", "d"]
    assert words("the runs", "none") == ["the", "runs"]
    with pytest.raises(ConfigError, match="klingon"):
        words("x", "klingon")


def bm25(query: str, texts: list[str], k1: float = 1.5, b: float = 0.75) -> list[float]:
    """Lucene's BM25 by its formula."""
    bags = [Counter(words(text)) for text in texts]
    mean = sum(bag.total() for bag in bags) / len(bags)
    scores = []
    for bag in bags:
        score = 0.0
        for term in words(query):
            df = sum(term in other for other in bags)
            idf = math.log(1 + (len(bags) - df + 0.5) / (df + 0.5))
            tf = bag[term]
            score += idf * tf / (tf + k1 * (1 - b + b * bag.total() / mean))
        scores.append(score)
    return scores


def test_bm25_is_what_its_formula_says(tmp_path: Path) -> None:
    write_words(tmp_path / "a", "english", range(5), dict(enumerate(TEXTS)), None, None)
    found = dict(Words(tmp_path / "a", "english").search("running cats", 5))
    expected = {n: s for n, s in enumerate(bm25("running cats", TEXTS)) if s}
    assert found == pytest.approx(expected, abs=1e-5)


def test_scores_are_those_of_bm25s(tmp_path: Path) -> None:
    import bm25s

    write_words(tmp_path / "a", "english", range(5), dict(enumerate(TEXTS)), None, None)
    vocabulary = {word: n for n, word in enumerate(dict.fromkeys(words(" ".join(TEXTS))))}
    theirs = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    numbers = [[vocabulary[word] for word in words(text)] for text in TEXTS]
    theirs.index((numbers, dict(vocabulary)), show_progress=False)
    ours = bm25s.BM25.load(tmp_path / "a" / "bm25", show_progress=False)
    assert ours.vocab_dict == theirs.vocab_dict
    for name in ("data", "indices", "indptr"):
        assert np.array_equal(ours.scores[name], theirs.scores[name]), name


def test_every_chunk_has_a_score(tmp_path: Path) -> None:
    write_words(
        tmp_path / "a",
        "english",
        [3, 5, 9],
        dict(zip([3, 5, 9], TEXTS[:3], strict=True)),
        None,
        None,
    )
    found = Words(tmp_path / "a", "english")
    assert found.scores("running cats", [9, 3, 5]) == pytest.approx(
        [bm25("running cats", TEXTS[:3])[n] for n in (2, 0, 1)], abs=1e-5
    )
    assert found.scores("zebra", [5, 9]) == [0, 0]


def test_an_index_of_words_can_grow_and_shrink(tmp_path: Path) -> None:
    write_words(tmp_path / "a", "english", range(3), dict(enumerate(TEXTS[:3])), None, None)
    write_words(tmp_path / "b", "english", [0, 2, 3], {3: TEXTS[1]}, tmp_path / "a", None)
    write_words(tmp_path / "c", "english", [0, 1], {}, tmp_path / "b", {0: 2, 1: 3})
    grown = dict(Words(tmp_path / "b", "english").search("cats running", 9))
    texts = [TEXTS[0], TEXTS[2], TEXTS[1]]
    assert [grown[row] for row in (0, 2, 3)] == pytest.approx(bm25("cats running", texts), abs=1e-5)
    shrunk = dict(Words(tmp_path / "c", "english").search("cats running", 9))
    wanted = bm25("cats running", [TEXTS[2], TEXTS[1]])
    assert [shrunk[row] for row in (0, 1)] == pytest.approx(wanted, abs=1e-5)


def test_nothing_is_found_where_no_word_is_shared(tmp_path: Path) -> None:
    write_words(tmp_path / "a", "english", range(5), dict(enumerate(TEXTS)), None, None)
    found = Words(tmp_path / "a", "english")
    assert found.search("zebra", 5) == found.search("", 5) == found.search("the", 5) == []
    assert [row for row, _ in found.search("cat", 1)] == [1]
    assert [row for row, _ in found.search("cat", 5, np.array([0]))] == [0]
    write_words(tmp_path / "none", "english", [0], {0: "the"}, None, None)
    assert Words(tmp_path / "none", "english").search("the", 5) == []


def test_ranks_are_fused() -> None:
    fused = fuse_ranks([["a", "b", "a"], ["b", "c"]], [1, 0.25])
    assert dict(fused) == pytest.approx({"a": 1 / 61, "b": 1 / 62 + 0.25 / 61, "c": 0.25 / 62})
    assert [key for key, _ in fused] == ["b", "a", "c"]
    assert fuse_ranks([[], []], [1, 1]) == []


def test_scores_are_fused() -> None:
    fused = dict(fuse_scores([[("a", 3.0), ("b", 1.0)], [("b", 9.0)]], [1, 0.5]))
    assert fused == {"a": 1.0, "b": 0.5}


@pytest.mark.parametrize("weights", [[1], [0, 0], [1, -1], [1, float("nan")], [1, float("inf")]])
def test_wrong_weights(weights: Any) -> None:
    with pytest.raises(ConfigError, match="weights"):
        fuse_ranks([["a"], ["b"]], weights)


def test_diversity() -> None:
    vectors = np.array([[1, 0], [0.999, 0.045], [0.6, 0.8]], np.float32)
    query = np.array([1, 0], np.float32)
    assert diversify(query, vectors, 2, 1.0) == [0, 1]
    assert diversify(query, vectors, 2, 0.3) == [0, 2]
    assert sorted(diversify(query, vectors, 9, 0.0)) == [0, 1, 2]
