"""Tokens that alone may come next are evaluated at once, where there are enough of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentlab.engine import (
    ContextOptions,
    Engine,
    LoadOptions,
    Piece,
    Request,
    compile_schema,
    decoding,
    open_engine,
)
from agentlab.engine.context import Context
from tests.support.tiny_model import write_tiny_model

Make = Callable[..., Request]
LONG = "the_name_of_the_keeper"
SCHEMA = {
    "type": "object",
    "properties": {LONG: {"enum": ["Anna", "Bert"]}},
    "required": [LONG],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    file = write_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf")
    engine = open_engine(file, LoadOptions(), ContextOptions(n_ctx=256, n_threads=1))
    yield engine
    engine.close()


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tokens each step after the prompt evaluated."""
    found: list[int] = []
    own = Context.append

    def append(self: Context, tokens: list[int]) -> Iterator[None]:
        found.append(len(tokens))
        yield from own(self, tokens)

    monkeypatch.setattr(Context, "append", append)
    return found


def answer(engine: Engine, make_request: Make, **given: object) -> list[Piece]:
    constraint = compile_schema(SCHEMA)
    request = make_request(engine, "Who?", constraint=constraint, **{"max_tokens": 80, **given})
    return list(engine.generate(request))


def text(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def test_the_text_is_the_same_in_fewer_steps(
    tiny: Engine, make_request: Make, steps: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "JUMP", 1000)
    one_by_one = answer(tiny, make_request)
    assert set(steps) == {1}
    alone = len(steps)
    steps.clear()
    monkeypatch.setattr(decoding, "JUMP", 12)
    pieces = answer(tiny, make_request)
    assert text(pieces) == text(one_by_one)
    assert json.loads(text(pieces))[LONG] in ("Anna", "Bert")
    assert max(steps) > decoding.JUMP
    assert len(steps) < alone - decoding.JUMP
    assert pieces[-1].timings is not None
    assert one_by_one[-1].timings is not None
    mine, theirs = pieces[-1].timings, one_by_one[-1].timings
    assert mine.completion_tokens == theirs.completion_tokens


def test_the_limit_on_tokens_holds(tiny: Engine, make_request: Make) -> None:
    for limit in (1, 5, 15, 20):
        pieces = answer(tiny, make_request, max_tokens=limit)
        assert pieces[-1].timings is not None
        assert pieces[-1].timings.completion_tokens == limit
        assert pieces[-1].finish == "length"


def test_a_stop_string_among_them_ends_the_answer(tiny: Engine, make_request: Make) -> None:
    pieces = answer(tiny, make_request, stop=("_of_the",))
    assert text(pieces) == '{"the_name'
    assert pieces[-1].finish == "stop"


def test_with_log_probabilities_each_token_is_looked_at(
    tiny: Engine, make_request: Make, steps: list[int]
) -> None:
    pieces = answer(tiny, make_request, top_logprobs=0)
    assert set(steps) == {1}
    assert sum(len(piece.logprobs) for piece in pieces) >= len(LONG)


@pytest.mark.parametrize("parallel", [1, 2])
def test_more_of_them_than_a_piece_holds(tmp_path: Path, make_request: Make, parallel: int) -> None:
    file = write_tiny_model(tmp_path / "tiny.gguf")
    shape = ContextOptions(n_ctx=256, n_batch=16, n_threads=1, parallel=parallel)
    engine = open_engine(file, LoadOptions(), shape)
    name = "a" + "bc" * 60
    schema = {**SCHEMA, "properties": {name: {"enum": ["Anna", "Bert"]}}, "required": [name]}
    constraint = compile_schema(schema)
    pieces = list(
        engine.generate(make_request(engine, "Who?", max_tokens=200, constraint=constraint))
    )
    assert json.loads(text(pieces))[name] in ("Anna", "Bert")
    engine.close()
