"""Names in documents, as candidates for the next search."""

from __future__ import annotations

import time

import pytest

from agentlab.rag.techniques.names import names_in


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("The film stars Mara Lind and Ann B. Berg, who live there.", ["Mara Lind", "Ann B. Berg"]),
        ("It is by Otto von Gull (born in Tromso).", ["Otto von Gull", "Tromso"]),
        ('She sang "Blue Elephants" for the Bank of Arle.', ["Blue Elephants", "Bank of Arle"]),
        ("Told in Lind's book; Lind won.", ["Lind"]),
        ("In Bergen they met. They met in Oslo.", ["Bergen", "Oslo"]),
        ("We saw Apollo 11, in 1969.", ["Apollo 11"]),
        ("Nothing here. According to him, it rained in 1931.", []),
        ("", []),
    ],
)
def test_names(text: str, names: list[str]) -> None:
    assert names_in([text]) == names


def test_what_is_known_and_what_came_is_left_out() -> None:
    texts = ["It was Mara Lind.", "She met Mara Lind and Ann Berg in Gull Town."]
    assert names_in(texts, but="Where is Gull Town?") == ["Mara Lind", "Ann Berg"]
    assert names_in(texts, most=1) == ["Mara Lind"]


def test_a_long_text_costs_little() -> None:
    for text in (
        "A " * 200_000,
        "A. " * 200_000,
        "of the " * 100_000,
        "(" * 300_000,
        "Aa" * 300_000,
    ):
        began = time.process_time()
        assert len(names_in([text] * 10)) <= 1
        assert time.process_time() - began < 1
