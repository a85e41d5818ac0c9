"""Pieces of bytes become text: whole characters, cut before a stop string."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentlab.engine.text import TextStream


def through(pieces: list[bytes], stop: list[str]) -> tuple[str, bool]:
    stream = TextStream(stop)
    text = ""
    for piece in pieces:
        text += stream.feed(piece)
        if stream.stopped:
            break
    return text + stream.finish(), stream.stopped


def test_a_character_across_pieces() -> None:
    stream = TextStream()
    assert stream.feed(b"a\xf0\x9f") == "a"
    assert stream.feed(b"\x98\x80b") == "😀b"
    assert stream.feed(b"\xc3") == ""
    assert stream.finish() == "\ufffd"


@pytest.mark.parametrize(
    ("pieces", "stop", "text", "stopped"),
    [
        ([b"one", b" two"], [" "], "one", True),
        ([b"one\n", b"\nObs", b"erv", b"ation: x"], ["\nObservation"], "one\n", True),
        ([b"one\n", b"\nObs", b"cure"], ["\nObservation"], "one\n\nObscure", False),
        ([b"ab", b"c"], ["bc", "c"], "a", True),
        ([b"abc"], ["c", "ab"], "", True),
        ([b"caf\xc3", b"\xa9s"], ["és"], "caf", True),
        ([b"aaab"], ["aab"], "a", True),
        ([b"a", b"a", b"a", b"b"], ["aab"], "a", True),
        ([b"ends in END"], ["ENDE"], "ends in END", False),
        ([b"x"], [], "x", False),
    ],
)
def test_stop(pieces: list[bytes], stop: list[str], text: str, stopped: bool) -> None:
    assert through(pieces, stop) == (text, stopped)


def test_what_may_be_shown_is_shown_at_once() -> None:
    stream = TextStream(["STOP"])
    assert stream.feed(b"go on S") == "go on "
    assert stream.feed(b"o") == "So"


@given(st.text("abcé😀"), st.lists(st.text("abcé😀", min_size=1), max_size=3), st.data())
def test_any_cut_gives_the_text_before_the_first_stop(
    text: str, stop: list[str], data: st.DataObject
) -> None:
    raw = text.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=5)))
    pieces = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    found, stopped = through(pieces, stop)
    assert stopped == any(s in text for s in stop)
    if not stopped:
        assert found == text
    else:
        # The first stop string to be complete decides; nothing of it is shown.
        assert text.startswith(found)
        assert not any(s in found for s in stop)
        assert any(text.startswith(s, len(found)) for s in stop)
