"""Prompts that were set aside: they come back with the same bits, within their bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentlab.engine import ContextOptions, Engine, LoadOptions, Piece, Request, open_engine
from agentlab.engine.kept import Kept, Shelf, common_prefix

Ask = Callable[..., list[Piece]]
Make = Callable[..., Request]
PIECE = 16
SYSTEM = "You are the keeper of an old lighthouse on a small island and you answer in one line. "
CHAT = SYSTEM + "Question: what do you write in your book every evening? Answer:"
OTHER = "The summary of a long talk about ships, storms and lamps, told to a child at night, is"


def cached(pieces: Sequence[Piece]) -> int:
    timings = pieces[-1].timings
    assert timings is not None
    return timings.cached_tokens


def bits(pieces: Sequence[Piece]) -> list[tuple[str, str]]:
    return [(e.text, e.logprob.hex()) for piece in pieces for e in piece.logprobs]


@pytest.fixture(scope="module")
def keeping(box: Path) -> Engine:
    """An engine that keeps what was read, in as many bytes as a few of these prompts take."""
    return open_engine(box, LoadOptions(), ContextOptions(n_ctx=512, n_batch=PIECE))


@pytest.fixture(scope="module")
def cold(engine: Engine, ask: Ask) -> Callable[[str], list[tuple[str, str]]]:
    """The bits of three tokens after a prompt, by a context that has read nothing before."""

    @cache
    def cold(text: str) -> list[tuple[str, str]]:
        engine._worker.context.forget()
        return bits(ask(text, max_tokens=3, top_logprobs=0))

    return cold


@pytest.mark.model
def test_a_chat_keeps_its_prefix_through_another_use_of_the_model(
    keeping: Engine, ask: Ask, cold: Callable[[str], object]
) -> None:
    size = len(keeping.weights.tokenize(CHAT))
    ask(CHAT, on=keeping)
    ask(OTHER, on=keeping)
    again = ask(CHAT + " storms. Question: and?", on=keeping, max_tokens=3, top_logprobs=0)
    assert cached(again) == size // PIECE * PIECE
    assert bits(again) == cold(CHAT + " storms. Question: and?")


@pytest.mark.model
def test_all_that_was_evaluated_counts_where_the_same_bits_are_not_asked_for(
    box: Path, ask: Ask
) -> None:
    shape = ContextOptions(n_ctx=512, n_batch=PIECE, deterministic=False)
    loose = open_engine(box, LoadOptions(), shape)
    answer = "".join(piece.text for piece in ask(SYSTEM, on=loose, max_tokens=7))
    ask(OTHER, on=loose)
    longer = SYSTEM + answer + " And the storms?"
    assert cached(ask(longer, on=loose)) > len(loose.weights.tokenize(SYSTEM)) + 3
    loose.close()


@pytest.mark.model
def test_a_prefix_of_two_prompts_is_read_once(keeping: Engine, ask: Ask) -> None:
    shared = len(keeping.weights.tokenize(SYSTEM)) // PIECE * PIECE
    ask(SYSTEM + "Is the lamp lit, and since when, and by whom?", on=keeping)
    ask(OTHER, on=keeping)
    assert cached(ask(SYSTEM + "Who rows the boat home in a storm?", on=keeping)) == shared


@pytest.mark.model
def test_the_same_prompt_again_after_another_needs_no_reading(
    keeping: Engine, ask: Ask, cold: Callable[[str], object]
) -> None:
    ask(CHAT, on=keeping)
    ask(OTHER, on=keeping)
    again = ask(CHAT, on=keeping, max_tokens=3, top_logprobs=0)
    assert cached(again) == len(keeping.weights.tokenize(CHAT))
    assert bits(again) == cold(CHAT)


@pytest.mark.model
def test_scoring_keeps_the_prefix_of_a_chat(keeping: Engine, ask: Ask) -> None:
    ask(CHAT, on=keeping)
    tokens = keeping.weights.tokenize(OTHER)
    keeping.score(tokens[:5], tokens[5:])
    assert cached(ask(CHAT, on=keeping)) == len(keeping.weights.tokenize(CHAT))


@pytest.mark.model
def test_a_state_that_does_not_load_is_read_anew(
    keeping: Engine, ask: Ask, cold: Callable[[str], object]
) -> None:
    ask(CHAT, on=keeping)
    ask(OTHER, on=keeping)
    shelf = keeping._worker.context.shelf
    shelf._kept = [Kept(k.tokens, k.exact, k.state[:-7].copy(), k.logits) for k in shelf._kept]
    again = ask(CHAT, on=keeping, max_tokens=3, top_logprobs=0)
    assert cached(again) == 0
    assert bits(again) == cold(CHAT)
    shelf.clear()


WORDS = ("The sea ", "the old mill ", "and a boat ", "came home ", "in the fog ", "with bread ")
PROMPTS = st.lists(st.integers(0, 2), min_size=1, max_size=4).map(
    lambda path: (
        "Once. " + "".join(f"{WORDS[2 * i % 6 + turn % 2] * 5}\n" for i, turn in enumerate(path))
    )
)
EXAMPLES = 200 if settings.default.max_examples > 1000 else 4  # `make fuzz`: 2,000 operations
STEPS = st.lists(
    st.tuples(st.sampled_from(["ask", "ask", "ask", "stop", "score", "small"]), PROMPTS),
    min_size=10,
    max_size=10,
)


@pytest.mark.model
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_whatever_ran_before_the_bits_are_those_of_a_fresh_context(
    keeping: Engine,
    ask: Ask,
    make_request: Make,
    cold: Callable[[str], object],
    steps: list[tuple[str, str]],
) -> None:
    shelf = keeping._worker.context.shelf
    for kind, text in steps:
        shelf.limit = 6 * 1024**2 if kind == "small" else 64 * 1024**2
        if kind == "stop":
            pieces = keeping.generate(make_request(keeping, text, max_tokens=100))
            next(pieces)
            pieces.close()
        elif kind == "score":
            tokens = keeping.weights.tokenize(text)
            keeping.score(tokens[:-4], tokens[-4:])
        else:
            assert bits(ask(text, on=keeping, max_tokens=3, top_logprobs=0)) == cold(text)
        assert shelf.totals.bytes <= 64 * 1024**2


def kept(tokens: Sequence[int], exact: int, size: int = 100, *, prompt: bool = False) -> Kept:
    logits = np.zeros(4, np.float32) if prompt else None
    return Kept(np.array(tokens, np.int32), exact, np.zeros(size, np.uint8), logits)


def numbers(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.array(values, np.int32)


def test_the_least_recently_used_go_first() -> None:
    shelf = Shelf(350)
    first, second = kept([1, 1], 2), kept([2, 2], 2)
    shelf.put(first)
    shelf.put(second)
    assert shelf.best(numbers(1, 1, 5), 2, 0) is first
    shelf.put(kept([3, 3], 2, 140))
    assert shelf.best(numbers(2, 2, 5), 2, 0) is None
    assert shelf.best(numbers(1, 1, 5), 2, 0) is first
    assert shelf.totals.bytes <= 350


def test_a_longer_one_takes_the_place_of_its_beginning() -> None:
    shelf = Shelf(10_000)
    shelf.put(kept([1, 2], 2))
    shelf.put(kept([9, 9], 2))
    shelf.put(kept([1, 2, 3, 4, 5], 4))
    assert shelf.totals.sequences == 2
    assert shelf.covers(numbers(1, 2))
    assert not shelf.covers(numbers(1, 2, 3, 4, 5))


def test_what_is_too_large_is_not_kept() -> None:
    shelf = Shelf(100)
    shelf.put(kept([1, 2], 2, 200))
    assert shelf.totals.sequences == 0
    assert not shelf.room_for(101)


def test_only_whole_pieces_or_a_whole_prompt_are_used() -> None:
    one = kept([1, 2, 3, 4, 5], 4, prompt=True)
    assert one.usable(numbers(1, 2, 3, 4, 5), 2) == 5
    assert one.usable(numbers(1, 2, 3, 4, 6), 2) == 4
    assert one.usable(numbers(1, 2, 3, 4), 2) == 2  # the last is read again for its logits
    assert one.usable(numbers(1, 2, 3, 9, 9), 2) == 2
    assert kept([1, 2, 3], 2).usable(numbers(1, 2, 3), 2) == 2


def test_a_copy_of_much_for_little_is_not_worth_it() -> None:
    shelf = Shelf(100_000)
    shelf.put(kept(list(range(1000)), 1000))
    assert shelf.best(numbers(*range(40), 7), 20, 0) is None
    assert shelf.best(numbers(*range(90), 7), 20, 0) is not None


def test_common_prefix() -> None:
    assert common_prefix(numbers(1, 2, 3), numbers(1, 2, 4, 5)) == 2
    assert common_prefix(numbers(1, 2), numbers(1, 2, 4)) == 2
    assert common_prefix(numbers(), numbers(1)) == 0
