"""Tokens under a grammar come with the probabilities they would have if only they existed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from agentlab.engine import Engine, Piece, compile_choices
from agentlab.engine.constraint import _begin

Ask = Callable[..., list[Piece]]
PROMPT = "Every morning the keeper of the lighthouse saw the"
ANIMALS = [" sea", " sun", " moon", " cat"]
FREE = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0}

pytestmark = pytest.mark.model


def test_the_distribution_is_that_of_the_allowed_tokens(engine: Engine, ask: Ask) -> None:
    prompt = engine.weights.tokenize(PROMPT)
    single = {word: engine.weights.tokenize(word) for word in ANIMALS}
    assert all(len(tokens) == 1 for tokens in single.values())
    scores = {word: engine.score(prompt, tokens).logprobs[0] for word, tokens in single.items()}
    total = sum(map(math.exp, scores.values()))
    assert total < 0.9  # else hardly any draw would be refused
    wanted = {word: math.exp(score) / total for word, score in scores.items()}
    one = compile_choices(ANIMALS)
    count = 400
    found = Counter(
        "".join(p.text for p in ask(PROMPT, constraint=one, seed=seed, max_tokens=1, **FREE))
        for seed in range(count)
    )
    assert sum(found.values()) == count
    # A token may begin a word without being it (" s"), so few draws are none of the four.
    whole = sum(found[word] for word in ANIMALS)
    assert whole > 0.9 * count
    statistic = sum(
        (found[word] - whole * wanted[word]) ** 2 / (whole * wanted[word]) for word in ANIMALS
    )
    assert statistic < 16.3  # chi-squared, 3 degrees of freedom, p = 0.001


@pytest.mark.parametrize("how", [{"repeat_penalty": 1.0}, {"repeat_penalty": 1.0 + 1e-6}])
def test_both_ways_of_drawing_give_the_same(ask: Ask, how: dict[str, float]) -> None:
    """A penalty that changes nothing goes through numpy, none through llama.cpp."""
    given = {"constraint": compile_choices([" a cat", " a dog", " the sea"]), **FREE, "seed": 4}
    plain = [p.text for p in ask(PROMPT, max_tokens=4, **given)]
    assert [p.text for p in ask(PROMPT, max_tokens=4, **given, **how)] == plain


def test_a_grammar_is_compiled_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    grammar = compile_choices(["one", "two"]).grammar
    first = _begin(engine.weights, grammar)
    monkeypatch.setattr("llguidance.LLMatcher", None)
    second = _begin(engine.weights, grammar)
    (token,) = engine.weights.tokenize("one")
    assert first.consume_token(token)
    assert first.is_stopped()
    assert not second.is_stopped()  # a copy of its own
    assert np.array_equal(second.validate_tokens([token]), 1)
