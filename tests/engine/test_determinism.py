"""The same request gives the same tokens and log-probabilities, whatever ran before."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from agentlab.engine import ContextOptions, Engine, LoadOptions, Piece, open_engine

pytestmark = pytest.mark.model

LONG = "The river runs from the hills to the sea, past the mill and the old stone bridge. " * 2
PROMPT = LONG + "One morning the miller found"
SAMPLED = {"temperature": 0.8, "seed": 11}
GREEDY = {"temperature": 0.0, "seed": 11}

COLD = """
import json, sys
from pathlib import Path
from agentlab.engine import *
box, text, given = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
engine = open_engine(box, LoadOptions(), ContextOptions(n_ctx=512, n_batch=16))
tokens = tuple(engine.weights.tokenize(text))
pieces = engine.generate(Request(tokens, Sampling(**given), max_tokens=12, top_logprobs=2))
entries = [e for p in pieces for e in p.logprobs]
print(json.dumps([[e.text, e.logprob.hex(), e.top[1].logprob.hex()] for e in entries]))
"""


def bits(pieces: Sequence[Piece]) -> list[list[str]]:
    entries = [entry for piece in pieces for entry in piece.logprobs]
    return [[e.text, e.logprob.hex(), e.top[1].logprob.hex()] for e in entries]


Ask = Callable[..., list[Piece]]


@pytest.mark.parametrize("how", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_cold_is_warm(
    ask: Ask,
    box: Path,
    script: Callable[..., subprocess.CompletedProcess[str]],
    how: dict[str, float],
) -> None:
    cold = json.loads(script(COLD, str(box), PROMPT, json.dumps(how)).stdout)
    assert len(cold) == 12
    # After: nothing of it, itself, a longer one, a shorter one, one that differs in the middle.
    others = [
        "Hello",
        PROMPT,
        PROMPT + " a bag of gold, and",
        LONG,
        PROMPT[:100] + "!" + PROMPT[100:],
    ]
    for other in others:
        ask(other, max_tokens=5, temperature=0.8, seed=3)
        assert bits(ask(PROMPT, max_tokens=12, top_logprobs=2, **how)) == cold, other


@pytest.mark.parametrize("length", [15, 16, 17, 31, 32, 33])
def test_lengths_around_a_piece(ask: Ask, engine: Engine, length: int) -> None:
    tokens = engine.weights.tokenize(PROMPT)[:length]
    ask("Nothing in common")
    cold = ask(tokens, max_tokens=4, top_logprobs=2)
    for before in (tokens, tokens + tokens[:20], tokens[: length - 1]):
        ask(before, max_tokens=3)
        warm = ask(tokens, max_tokens=4, top_logprobs=2)
        assert bits(warm) == bits(cold)


def test_decoded_tokens_are_read_again(ask: Ask, engine: Engine) -> None:
    first = ask(PROMPT, max_tokens=20)
    turn = PROMPT + "".join(piece.text for piece in first) + " Then"
    warm = ask(turn, max_tokens=6, top_logprobs=2)
    ask("Nothing in common")
    assert bits(ask(turn, max_tokens=6, top_logprobs=2)) == bits(warm)


def test_a_prefix_is_used_again_in_whole_pieces(ask: Ask, engine: Engine) -> None:
    count = len(engine.weights.tokenize(PROMPT))
    ask("Nothing in common")
    fresh = ask(PROMPT, max_tokens=1)[-1].timings
    again = ask(PROMPT + " And then", max_tokens=1)[-1].timings
    assert fresh is not None
    assert again is not None
    assert fresh.cached_tokens == 0
    assert again.cached_tokens == count // 16 * 16 > 0


@pytest.mark.parametrize("how", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_threads_do_not_change_anything(ask: Ask, box: Path, how: dict[str, float]) -> None:
    found = []
    for threads in (1, 2):
        options = ContextOptions(n_ctx=512, n_batch=16, n_threads=threads)
        engine = open_engine(box, LoadOptions(), options)
        found.append(bits(ask(PROMPT, on=engine, max_tokens=2, top_logprobs=2, **how)))
        engine.close()
    assert found[0] == found[1]


def test_other_seeds_give_other_answers(ask: Ask) -> None:
    texts = {
        "".join(p.text for p in ask("My favourite animal is", max_tokens=8, temperature=1, seed=s))
        for s in range(4)
    }
    assert len(texts) > 1


def test_scores_are_the_same_cold_and_warm(engine: Engine) -> None:
    tokens = engine.weights.tokenize(PROMPT)
    engine.score(engine.weights.tokenize("Nothing"), [5])
    cold = engine.score(tokens[:30], tokens[30:])
    assert engine.score(tokens[:30], tokens[30:]) == cold
    assert len(cold.logprobs) == len(tokens) - 30
    assert all(p <= 0 for p in cold.logprobs)
