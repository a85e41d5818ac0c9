"""A request stops within a token, however its reader goes, and the next one is answered well."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import aclosing

import pytest

from agentlab.cancellation import Cancellation, cancellable
from agentlab.engine import ContextOptions, Engine, LoadOptions, Piece, Request, open_engine
from agentlab.engine.context import Context
from agentlab.errors import ModelError, TurnCancelled

pytestmark = pytest.mark.model

Ask = Callable[..., list[Piece]]
Make = Callable[..., Request]
STORY = "Once upon a time"
SOON = 5.0  # seconds: a token takes milliseconds, the whole answer many times this


class Counter:
    """Counts the tokens decoded, and lets each be waited for."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.stopped_at: int | None = None
        own = Context.append

        def append(context: Context, tokens: Sequence[int]) -> Generator[None, None, None]:
            self.count += 1
            yield from own(context, tokens)

        patch.setattr(Context, "append", append)

    def since_stop(self) -> int:
        """How many more were begun after ``stopped_at`` was noted, once all is quiet."""
        assert self.stopped_at is not None
        return self.count - self.stopped_at


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    return Counter(monkeypatch)


@pytest.fixture
def expected(ask: Ask) -> list[str]:
    return [p.text for p in ask("The capital of France is", max_tokens=4)]


@pytest.fixture(autouse=True)
def _answers_afterwards(ask: Ask, expected: list[str]) -> Iterator[None]:
    yield
    assert [p.text for p in ask("The capital of France is", max_tokens=4)] == expected


def idle(engine: Engine) -> None:
    """Wait until the engine's thread has nothing to do."""
    end = time.monotonic() + SOON
    while engine._worker.running is not None:
        assert time.monotonic() < end
        time.sleep(0.001)


def test_closing_the_stream(engine: Engine, make_request: Make, counter: Counter) -> None:
    pieces = engine.generate(make_request(engine, STORY, max_tokens=400, temperature=1))
    for _ in range(3):
        next(pieces)
    pieces.close()
    counter.stopped_at = counter.count
    idle(engine)
    assert counter.since_stop() <= 1
    assert counter.count < 400


def test_a_stream_that_is_only_dropped(
    engine: Engine, make_request: Make, counter: Counter
) -> None:
    pieces = engine.generate(make_request(engine, STORY, max_tokens=400))
    next(pieces)
    del pieces
    gc.collect()
    counter.stopped_at = counter.count
    idle(engine)
    assert counter.since_stop() <= 1


def test_a_cancelled_scope(engine: Engine, make_request: Make, counter: Counter) -> None:
    with cancellable() as scope:
        pieces = engine.generate(make_request(engine, STORY, max_tokens=400))
        next(pieces)
        scope.cancel()
        counter.stopped_at = counter.count
        with pytest.raises(TurnCancelled):
            list(pieces)
    idle(engine)
    # Between the flag and the reader's waking the thread may have begun one more.
    assert counter.since_stop() <= 2


def test_a_scope_that_was_cancelled_before(
    engine: Engine, make_request: Make, counter: Counter
) -> None:
    scope = Cancellation()
    scope.cancel()
    with cancellable(scope), pytest.raises(TurnCancelled):
        list(engine.generate(make_request(engine, STORY, max_tokens=50)))
    idle(engine)
    assert counter.count <= 1


async def test_a_cancelled_task(engine: Engine, make_request: Make, counter: Counter) -> None:
    begun = asyncio.Event()

    async def read() -> None:
        request = make_request(engine, STORY, max_tokens=400)
        async with aclosing(engine.agenerate(request)) as pieces:
            async for _ in pieces:
                begun.set()

    task = asyncio.create_task(read())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    counter.stopped_at = counter.count
    idle(engine)
    assert counter.since_stop() <= 1


async def test_an_asynchronous_scope(engine: Engine, make_request: Make) -> None:
    with cancellable() as scope:
        request = make_request(engine, STORY, max_tokens=400)
        async with aclosing(engine.agenerate(request)) as pieces:
            await anext(pieces)
            scope.cancel()
            with pytest.raises(TurnCancelled):
                async for _ in pieces:
                    pass


def test_ctrl_c(engine: Engine, make_request: Make, counter: Counter) -> None:
    pieces = engine.generate(make_request(engine, STORY, max_tokens=400))
    next(pieces)
    timer = threading.Timer(0.05, signal.raise_signal, [signal.SIGINT])
    own = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            list(pieces)
    finally:
        signal.signal(signal.SIGINT, own)
    counter.stopped_at = counter.count
    idle(engine)
    assert counter.since_stop() <= 1
    assert counter.count < 399


def test_while_a_long_prompt_is_read(
    engine: Engine, make_request: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = threading.Event()
    own = Context._evaluate

    def evaluate(context: Context, tokens: list[int]) -> None:
        reading.set()
        own(context, tokens)

    monkeypatch.setattr(Context, "_evaluate", evaluate)
    request = make_request(engine, "word " * 480, max_tokens=1)
    with cancellable() as scope:

        def stop() -> None:
            reading.wait()
            scope.cancel()

        threading.Thread(target=stop).start()
        with pytest.raises(TurnCancelled):
            list(engine.generate(request))
    idle(engine)
    assert engine._worker.context.n_past < 480


def test_what_was_read_before_a_stop_is_kept(engine: Engine, ask: Ask, make_request: Make) -> None:
    text = "The river runs to the sea. " * 10
    cold = ask(text, max_tokens=3, top_logprobs=1)
    pieces = engine.generate(make_request(engine, text, max_tokens=200))
    next(pieces)
    pieces.close()
    warm = ask(text, max_tokens=3, top_logprobs=1)
    assert warm[-1].timings is not None
    assert warm[-1].timings.cached_tokens >= 48
    assert [p.logprobs for p in warm] == [p.logprobs for p in cold]


def test_a_request_that_waits_its_turn_can_be_cancelled(
    engine: Engine, make_request: Make, counter: Counter
) -> None:
    first = engine.generate(make_request(engine, STORY, max_tokens=400))
    next(first)
    with cancellable() as scope:
        second = engine.generate(make_request(engine, "Never read", max_tokens=400))
        threading.Timer(0.05, scope.cancel).start()
        with pytest.raises(TurnCancelled):
            next(second)
    first.close()
    idle(engine)


def test_closing_an_engine_ends_what_waits_for_it(box: object, make_request: Make) -> None:
    engine = open_engine(box, LoadOptions(), ContextOptions(n_ctx=256))  # type: ignore[arg-type]
    running = engine.generate(make_request(engine, STORY, max_tokens=200))
    next(running)
    ended: list[BaseException] = []

    def wait() -> None:
        try:
            list(engine.generate(make_request(engine, "Later", max_tokens=200)))
        except BaseException as error:  # noqa: BLE001
            ended.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    engine.close()
    waiting.join(SOON)
    assert not waiting.is_alive()
    assert isinstance(ended[0], TurnCancelled | ModelError)
    with pytest.raises(TurnCancelled):
        list(running)
    with pytest.raises(ModelError, match="closed"):
        list(engine.generate(make_request(engine, "After")))


def test_the_collector_may_close_a_stream_in_the_engines_own_thread(
    engine: Engine, make_request: Make
) -> None:
    pieces = engine.generate(make_request(engine, STORY, max_tokens=50))
    next(pieces)
    with engine._worker.lock:  # as that thread holds it
        pieces.close()
    idle(engine)
