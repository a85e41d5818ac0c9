"""Text from outside becomes harmless, in whatever pieces it comes."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentlab.safe_text import SafeText, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[31mred", "␛[31mred"),
        ("a\x07b\x00c\x7f", "a␇b␀c␡"),
        ("\x9b31m", "<U+009B>31m"),
        ("abc\u202egnp.exe", "abc<U+202E>gnp.exe"),
        ("over\rwritten", "over␍written"),
        ("line\r\nend", "line\nend"),
        ("\ud800", "\ufffd"),
        ("Zoë 👩‍🚀 עברית 日本", "Zoë 👩‍🚀 עברית 日本"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(st.characters(codec=None)))
def test_nothing_that_controls_a_terminal_is_left(text: str) -> None:
    for character in visible(text):
        assert unicodedata.category(character) not in ("Cc", "Cs") or character in "\n\t"
        assert unicodedata.bidirectional(character) not in (
            *("LRE", "RLE", "LRO", "RLO", "PDF"),
            *("LRI", "RLI", "FSI", "PDI"),
        )


@given(st.lists(st.text(alphabet="ab\r\n\x1b[\u202e")))
def test_pieces_show_what_the_whole_shows(pieces: list[str]) -> None:
    safe = SafeText()
    shown = "".join(safe.feed(piece) for piece in pieces) + safe.finish()
    assert shown == visible("".join(pieces))
