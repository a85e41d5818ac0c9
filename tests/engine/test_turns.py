"""Requests that take turns: each goes on with the same bits, none waits for another's end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentlab.engine import ContextOptions, Engine, LoadOptions, Piece, Request, open_engine, turns
from agentlab.engine.turns import UNDER_WAY, Job, Line

Ask = Callable[..., list[Piece]]
Make = Callable[..., Request]
PIECE = 16
STORIES = [
    f"{start} the old lighthouse keeper went down to the sea with a lamp and a book, and"
    for start in ("Once upon a time", "Many years ago", "On a stormy night")
]


def bits(pieces: list[Piece]) -> list[tuple[str, str]]:
    return [(e.text, e.logprob.hex()) for piece in pieces for e in piece.logprobs]


@pytest.fixture(scope="module")
def shared(box: Path) -> Engine:
    return open_engine(box, LoadOptions(), ContextOptions(n_ctx=512, n_batch=PIECE))


@pytest.fixture
def short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns.Turn, "over", True)


@pytest.mark.model
@pytest.mark.usefixtures("short_turns")
def test_in_turns_the_bits_are_those_of_one_after_the_other(
    engine: Engine, shared: Engine, ask: Ask, make_request: Make
) -> None:
    def wanted(number: int) -> dict[str, object]:
        return {"max_tokens": 6, "top_logprobs": 0, "temperature": number, "seed": number}

    alone = []
    for number, story in enumerate(STORIES):
        engine._worker.context.forget()
        alone.append(bits(ask(story, **wanted(number))))
    streams = [
        shared.generate(make_request(shared, story, **wanted(number)))
        for number, story in enumerate(STORIES)
    ]
    found: dict[int, list[Piece]] = {}

    def read(number: int) -> None:
        found[number] = list(streams[number])

    threads = [threading.Thread(target=read, args=(n,)) for n in range(len(STORIES))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [bits(found[n]) for n in range(len(STORIES))] == alone


@pytest.mark.model
@pytest.mark.usefixtures("short_turns")
def test_a_short_request_does_not_wait_for_a_long_one(
    shared: Engine, ask: Ask, make_request: Make
) -> None:
    long = shared.generate(make_request(shared, STORIES[0], max_tokens=300))
    next(long)
    assert ask("The capital of France is", on=shared, max_tokens=2)[-1].finish == "length"
    assert shared._worker.running is not None  # the long one goes on
    long.close()


@pytest.mark.model
@pytest.mark.usefixtures("short_turns")
def test_one_that_gave_way_can_be_cancelled(shared: Engine, ask: Ask, make_request: Make) -> None:
    first, second = (
        shared.generate(make_request(shared, story, max_tokens=300)) for story in STORIES[:2]
    )
    next(first)
    next(second)
    first.close()
    second.close()
    assert ask(STORIES[2], on=shared, max_tokens=2)[-1].finish == "length"
    assert not shared._worker.line


@pytest.mark.model
@pytest.mark.usefixtures("short_turns")
def test_without_memory_for_a_copy_nobody_gives_way(
    shared: Engine, ask: Ask, make_request: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared._worker.context.shelf, "limit", 1000)
    first = shared.generate(make_request(shared, STORIES[0], max_tokens=12))
    next(first)
    assert ask(STORIES[1], on=shared, max_tokens=2)[-1].finish == "length"
    assert list(first)[-1].finish == "length"


def job(begun: bool) -> Job:
    def nothing(_context: object) -> Iterator[object]:
        return iter(())

    made = Job(nothing, lambda _result: None)
    made.steps = iter(()) if begun else None
    return made


def test_the_line_is_first_come_first_served() -> None:
    line = Line()
    jobs = [job(begun=False), job(begun=True), job(begun=False)]
    for one in jobs:
        line.add(one)
    assert [line.next() for _ in jobs] == jobs
    assert line.next() is None


def test_new_ones_wait_while_many_are_under_way() -> None:
    line = Line()
    new = job(begun=False)
    line.add(new)
    begun = [job(begun=True) for _ in range(UNDER_WAY)]
    for one in begun:
        line.add(one)
    assert line.next() is begun[0]
    assert line.next() is new
    assert line.next() is begun[1]
