"""Quotes and support: what is quoted is there, and what is not there has no support."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agentlab.rag.citing import Checker, Claim
from agentlab.rag.quoting import best_span, share, support, words_of
from agentlab.rag.sources import Source

TEXT = (
    "The film cost about 165 million US dollars to make. Paramount distributed it in North "
    "America. In its first run it took more than 670 million dollars worldwide."
)
_PIECES = st.lists(
    st.sampled_from(
        [
            *("the pump", "runs", "at night", ". ", "! ", "\n\n", " ", "1,200", "37.5", "Émile"),
            *("水泵", "x" * 400, "Dr. ", "“Yes.” ", "\u200b", "e\u0301", "İ", "ﬁ", "\U0001d7d9"),
        ]
    )
).map("".join)


@given(sentence=_PIECES | st.text(), text=_PIECES | st.text())
@example(sentence="水泵在夜里运行。", text="水泵在夜里运行。它很老。")
def test_a_quote_is_always_in_the_text(sentence: str, text: str) -> None:
    span = best_span(sentence, text)
    if span is None:
        short = [piece for piece in text.split() if len(piece) <= 80]  # longer ones may be cut
        assert not any(words_of(sentence) & words_of(piece) for piece in short)
        return
    start, end = span
    assert 0 <= start < end <= len(text)
    assert words_of(text[start:end]) & words_of(sentence)
    assert end - start <= 320


@given(sentence=_PIECES, text=_PIECES, start=st.integers(0, 10**6), least=st.floats(0.01, 1))
def test_a_citation_opens_its_file_at_the_quote(
    sentence: str, text: str, start: int, least: float
) -> None:
    file = "." * start + text if start < 1_000 else text
    at = start if start < 1_000 else 0
    checker = Checker([Source(1, "a", text, "", "a.txt", at, {})], least)
    shown = "".join([*checker.take([Claim(sentence, (1, 2))]), *checker.end()])
    assert shown == checker.answer
    for citation in checker.citations:
        assert file[slice(*citation["span"])] == citation["quote"] != ""
        assert checker.sentences[citation["sentence"]]["sources"] == [1]


@given(_PIECES)
def test_a_text_supports_itself(text: str) -> None:
    assert support(text, [text]) == (1.0 if words_of(text) else 0.0)


def test_the_quote_is_the_sentence_that_says_it() -> None:
    span = best_span("Worldwide it earned 670 million dollars at first.", TEXT)
    assert span is not None
    assert TEXT[slice(*span)].startswith("In its first run")


def test_two_sentences_are_quoted_where_both_are_needed() -> None:
    span = best_span("It cost 165 million dollars and Paramount distributed it in America.", TEXT)
    assert span is not None
    assert TEXT[slice(*span)] == TEXT[: TEXT.index(" In its")]


def test_of_a_long_sentence_the_part_with_the_words_is_quoted() -> None:
    text = "filler " * 200 + "the pump runs at night " + "filler " * 200
    span = best_span("The pump runs at night.", text)
    assert span is not None
    assert "pump runs at night" in text[slice(*span)]


@pytest.mark.parametrize(
    ("sentence", "supported"),
    [
        ("The film cost 165 million dollars.", True),
        ("The film cost 166 million dollars.", False),
        ("The movie was filmed by Paramount in Paris on Tuesday.", False),
        ("It took 670 million dollars in its first run.", True),
        ("", False),
        ("It is.", False),
    ],
)
def test_support(sentence: str, supported: bool) -> None:
    assert (support(sentence, [TEXT]) >= 0.6) is supported


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,200 euros", "1200 euro"),
        ("twelve modules", "12 module"),
        ("directed", "DIRECT"),
        ("Café", "cafe"),
        ("planets", "planet's"),
    ],
)
def test_forms_of_a_word_are_the_same(one: str, other: str) -> None:
    assert share(one, other) == 1


def test_a_decimal_is_not_another_number() -> None:
    assert share("37.5", "375") == share("1.200", "1200") == 0
