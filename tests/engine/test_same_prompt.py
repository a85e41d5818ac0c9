"""The last prompt again: nothing of it is read a second time, and nothing else changes."""

from __future__ import annotations

from typing import Any

import pytest

from agentlab.engine import Engine, Piece, Timings, compile_choices
from tests.engine.conftest import Ask

PROMPT = "The lighthouse keeper wrote in her book every evening, and this is what she"


def _timings(pieces: list[Piece]) -> Timings:
    timings = pieces[-1].timings
    assert timings is not None
    return timings


def _told(pieces: list[Piece]) -> list[Any]:
    return [(piece.text, piece.logprobs, piece.finish) for piece in pieces]


@pytest.mark.parametrize(
    "how",
    [
        {"temperature": 0},
        {"temperature": 1.0, "seed": 5},
        {"temperature": 1, "repeat_penalty": 1.3},
    ],
)
def test_the_same_tokens_without_reading(ask: Ask, engine: Engine, how: dict[str, float]) -> None:
    ask("Nothing in common")
    first = ask(PROMPT, max_tokens=10, top_logprobs=2, **how)
    again = ask(PROMPT, max_tokens=10, top_logprobs=2, **how)
    size = len(engine.weights.tokenize(PROMPT))
    assert _timings(first).cached_tokens == 0
    assert _timings(again).cached_tokens == size
    assert _told(again) == _told(first)


def test_other_samples_of_one_prompt_differ(ask: Ask) -> None:
    texts = {
        "".join(p.text for p in ask(PROMPT, max_tokens=8, temperature=1.5, seed=seed))
        for seed in range(5)
    }
    assert len(texts) > 1


def test_under_a_constraint(ask: Ask) -> None:
    choices = compile_choices([" saw", " heard"])
    ask("Nothing in common")
    first = ask(PROMPT, max_tokens=4, constraint=choices)
    again = ask(PROMPT, max_tokens=4, constraint=choices)
    assert _told(first) == _told(again)


def test_a_longer_prompt_in_between(ask: Ask) -> None:
    ask("Nothing in common")
    first = ask(PROMPT, max_tokens=6, top_logprobs=1)
    ask(PROMPT + " wrote down, word by word, before she went to sleep again", max_tokens=2)
    again = ask(PROMPT, max_tokens=6, top_logprobs=1)
    assert _told(again) == _told(first)
