"""Random operations, by the thousand: every answer is that of a fresh context.

The model has random weights of 32 bits, so that a step takes a tenth of a millisecond.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agentlab.engine import ContextOptions, Engine, LoadOptions, Piece, Request, open_engine, turns
from tests.support.tiny_model import write_tiny_model

Make = Callable[..., Request]
BASES = [
    "the keeper of the lighthouse wrote in his book what the sea had been doing",
    "the keeper of the harbour sold his boat and bought a house on the hill",
    "a night train goes through the valley, and nobody looks out of its windows",
]
TIE = 1e-3  # nats: rounding of 32-bit weights stays far below


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


def opened(file: Path, **shape: object) -> Iterator[Engine]:
    options = ContextOptions(n_ctx=320, n_batch=16, n_threads=1, **shape)  # type: ignore[arg-type]
    engine = open_engine(file, LoadOptions(), options)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def small(file: Path) -> Iterator[Engine]:
    """With room to set a few prompts aside, so that some are dropped."""
    yield from opened(file, kept_bytes=200_000)


@pytest.fixture(scope="module")
def loose(file: Path) -> Iterator[Engine]:
    yield from opened(file, kept_bytes=200_000, deterministic=False)


@pytest.fixture(scope="module")
def together(file: Path) -> Iterator[Engine]:
    yield from opened(file, parallel=4, flash_attention=False)


class Fresh:
    """What a context that has read nothing answers, remembered."""

    def __init__(self, engine: Engine, make_request: Make) -> None:
        self._engine, self._make = engine, make_request
        self._known: dict[tuple[tuple[int, ...], int], list[tuple[str, float, float]]] = {}
        self._lock = threading.Lock()

    def answer(self, tokens: tuple[int, ...], count: int) -> list[tuple[str, float, float]]:
        """Of each token: its text, its log-probability, and by how much it leads."""
        with self._lock:
            if (tokens, count) not in self._known:
                self._engine._worker.context.forget()
                request = self._make(self._engine, tokens, max_tokens=count, top_logprobs=2)
                entries = [e for piece in self._engine.generate(request) for e in piece.logprobs]
                self._known[tokens, count] = [
                    (e.text, e.logprob, e.top[0].logprob - e.top[1].logprob) for e in entries
                ]
            return self._known[tokens, count]


@pytest.fixture(scope="module")
def fresh(file: Path, make_request: Make) -> Iterator[Fresh]:
    for engine in opened(file, kept_bytes=0):
        yield Fresh(engine, make_request)


def a_prompt(rng: random.Random, engine: Engine) -> tuple[int, ...]:
    """One that begins like others: prompts branch where those of chats and chains do."""
    first, second = rng.choice(BASES), rng.choice(BASES)
    text = first[: rng.choice((8, 20, 40, 70))] + second[: rng.choice((0, 0, 5, 30))]
    return tuple(engine.weights.tokenize(text))


def bits(pieces: list[Piece]) -> list[tuple[str, float]]:
    return [(e.text, e.logprob) for piece in pieces for e in piece.logprobs]


def differs(entries: Sequence[Any], wanted: Sequence[tuple[str, float, float]]) -> str | None:
    """Where tokens are not the wanted ones, but for rounding; after a tie all may differ."""
    for got, (text, logprob, lead) in zip(entries, wanted, strict=False):
        if got.text != text and lead < TIE:
            return None
        if got.text != text or abs(got.logprob - logprob) > TIE:
            return f"{got}, not {text!r} {logprob}"
    return None


@pytest.mark.parametrize(
    ("name", "seed"), [*(("small", seed) for seed in range(4)), ("loose", 4), ("loose", 5)]
)
def test_500_operations_leave_every_answer_bit_for_bit_or_but_for_ties(
    name: str,
    fresh: Fresh,
    make_request: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    seed: int,
) -> None:
    small: Engine = request.getfixturevalue(name)
    monkeypatch.setattr(turns.Turn, "over", True)  # requests give way after every token
    rng = random.Random(seed)
    saved: list[Path] = []
    done: dict[str, int] = {}

    def ask(tokens: tuple[int, ...], count: int) -> Iterator[Piece]:
        return small.generate(make_request(small, tokens, max_tokens=count, top_logprobs=0))

    def check(tokens: tuple[int, ...], count: int, pieces: list[Piece]) -> None:
        if name == "loose":
            entries = [e for piece in pieces for e in piece.logprobs]
            assert differs(entries, fresh.answer(tokens, count)) is None
            return
        wanted = [(text, logprob) for text, logprob, _ in fresh.answer(tokens, count)]
        assert bits(pieces) == wanted[: len(bits(pieces))]
        assert len(bits(pieces)) == len(wanted) or not pieces or pieces[-1].finish is None

    for _ in range(500):
        kind = rng.choices(
            ("ask", "cancel", "fork", "interleave", "score", "save", "load", "longer"),
            (30, 10, 15, 15, 10, 5, 10, 5),
        )[0]
        done[kind] = done.get(kind, 0) + 1
        tokens, count = a_prompt(rng, small), rng.choice((1, 3))
        if kind == "ask":
            check(tokens, count, list(ask(tokens, count)))
        elif kind == "cancel":
            stream = ask(tokens, 6)
            check(tokens, 6, [piece for piece, _ in zip(stream, range(2), strict=False)])
            stream.close()  # type: ignore[attr-defined]
        elif kind == "fork":
            for end in ("", " and", " but"):
                branch = (*tokens, *small.weights.tokenize(end))
                check(branch, count, list(ask(branch, count)))
        elif kind == "interleave":
            others = [tokens, a_prompt(rng, small), a_prompt(rng, small)]
            found: list[list[Piece]] = [[], [], []]

            def read(
                number: int, tokens: tuple[int, ...], found: list[list[Piece]] = found
            ) -> None:
                found[number] = list(ask(tokens, 3))

            threads = [threading.Thread(target=read, args=pair) for pair in enumerate(others)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for each, pieces in zip(others, found, strict=True):
                check(each, 3, pieces)
        elif kind == "score":
            score = small.score(tokens, small.weights.tokenize(" sea"))
            again = small.score(tokens, small.weights.tokenize(" sea"))
            assert score.logprobs == pytest.approx(again.logprobs, abs=TIE)
            assert score == again or name == "loose"
        elif kind == "save":
            saved.append(tmp_path / str(len(saved)))
            small.save(saved[-1], tokens, {"of": "this"})
        elif kind == "load" and saved:
            assert small.load(rng.choice(saved), {"of": "this"}) > 0
        elif kind == "longer":
            answer = "".join(piece.text for piece in ask(tokens, 3))
            longer = (*tokens, *small.weights.tokenize(answer + " Then?"))
            check(longer, count, list(ask(longer, count)))
        assert small.kept.bytes <= small.kept.limit
    assert len(done) == 8


@pytest.mark.parametrize("seed", range(2))
def test_500_operations_together_leave_every_answer_but_for_ties(
    together: Engine, fresh: Fresh, make_request: Make, seed: int
) -> None:
    problems: list[str] = []

    def work(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(125):
            tokens, count = a_prompt(rng, together), rng.choice((1, 3, 8))
            if rng.random() < 0.1:
                together.score(tokens, together.weights.tokenize(" sea"))
                continue
            request = make_request(together, tokens, max_tokens=count, top_logprobs=0)
            stream = together.generate(request)
            entries = []
            for piece in stream:
                entries += piece.logprobs
                if rng.random() < 0.05:
                    break
            stream.close()
            problem = differs(entries, fresh.answer(tokens, count))
            if problem:
                problems.append(f"{tokens}: {problem}")

    threads = [threading.Thread(target=work, args=(4 * seed + n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems


@pytest.mark.parametrize("name", ["small", "together"])
def test_a_thousand_requests_leave_no_memory_behind(
    name: str, request: pytest.FixtureRequest, make_request: Make
) -> None:
    engine: Engine = request.getfixturevalue(name)
    rng = random.Random(7)

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    def ask(count: int) -> None:
        for _ in range(count):
            list(engine.generate(make_request(engine, a_prompt(rng, engine), max_tokens=2)))

    if not Path("/proc/self/statm").exists():
        pytest.skip("this system does not tell")
    ask(300)
    before = resident()
    ask(1000)
    assert resident() - before < 8 * 1024**2


def test_a_closed_engine_is_not_opened_again(file: Path, make_request: Make) -> None:
    options = ContextOptions(n_ctx=64, n_threads=1)
    first = open_engine(file, LoadOptions(), options)
    assert open_engine(file, LoadOptions(), options) is first
    first.close()
    second = open_engine(file, LoadOptions(), options)
    assert second is not first
    assert list(second.generate(make_request(second, "the sea")))
    second.close()


def test_a_full_cache_makes_room_for_scores_and_for_who_waits(
    file: Path, make_request: Make
) -> None:
    options = ContextOptions(n_ctx=128, n_batch=16, n_threads=1, parallel=4)
    engine = open_engine(file, LoadOptions(), options)
    prompts = [engine.weights.tokenize(f"{n}{n} {BASES[n % 3]}"[:60]) for n in range(8)]
    found: list[list[Piece]] = [[] for _ in prompts]

    def ask(number: int) -> None:
        request = make_request(engine, prompts[number], max_tokens=50)
        found[number] = list(engine.generate(request))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(len(prompts))]
    for thread in threads:
        thread.start()
    scores = [engine.score(prompt, prompts[0]) for prompt in prompts]
    for thread in threads:
        thread.join(timeout=60)
    assert all(pieces and pieces[-1].finish for pieces in found)
    assert [len(score.logprobs) for score in scores] == [len(prompts[0])] * len(prompts)
    engine.close()
