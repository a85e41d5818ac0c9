"""What goes wrong with hosted models: errors, cut streams, new tries, cancellation."""

from __future__ import annotations

import asyncio
import email.utils
import gc
import pickle
import threading
import time
import traceback
from typing import Any

import pytest
from langchain_core.load import dumps

from agentlab import errors
from agentlab.cancellation import cancellable
from tests.support.hosted import KEY, TEXT, Lab, failure, lab
from tests.support.provider_server import dead_url

__all__ = ["lab"]


# Errors


@pytest.mark.parametrize("how", ["invoke", "stream", "ainvoke", "astream"])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, errors.AuthenticationError),
        (403, errors.AuthenticationError),
        (404, errors.ProviderError),
        (429, errors.RateLimited),
        (500, errors.ProviderError),
        (503, errors.ProviderError),
    ],
)
def test_statuses(lab: Lab, how: str, status: int, kind: type[errors.ProviderError]) -> None:
    lab.server.fail(status, f"no: your key {KEY} is bad", headers={"Retry-After": "7"})
    model = lab.model()

    async def astream() -> None:
        async for _ in model.astream("Hi"):
            pass

    def call() -> None:
        match how:
            case "invoke":
                model.invoke("Hi")
            case "stream":
                list(model.stream("Hi"))
            case "ainvoke":
                asyncio.run(model.ainvoke("Hi"))
            case "astream":
                asyncio.run(astream())

    error = failure(call)
    assert type(error) is kind
    assert error.status == status
    assert str(status) in str(error)
    assert "no: your key *** is bad" in str(error)
    assert len(lab.server.requests) == 1
    if isinstance(error, errors.RateLimited):
        assert error.retry_after == 7


def test_retry_after_as_a_date(lab: Lab) -> None:
    when = email.utils.formatdate(time.time() + 30, usegmt=True)
    lab.server.fail(429, headers={"Retry-After": when})
    error = failure(lambda: lab.model().invoke("Hi"))
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after is not None
    assert 20 < error.retry_after <= 30


@pytest.mark.parametrize("odd", ["soon", "-3", "", "1e999999"])
def test_retry_after_that_makes_no_sense(lab: Lab, odd: str) -> None:
    lab.server.fail(429, headers={"Retry-After": odd})
    error = failure(lambda: lab.model().invoke("Hi"))
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after is None


def test_nobody_listens(lab: Lab) -> None:
    model = lab.model(base_url=dead_url())
    for call in (lambda: model.invoke("Hi"), lambda: list(model.stream("Hi"))):
        error = failure(call)
        assert type(error) is errors.Unreachable
        assert "no connection to http://127.0.0.1" in str(error)


def test_no_answer_in_time(lab: Lab) -> None:
    lab.server.reply(TEXT, fault="hang")
    error = failure(lambda: lab.model(timeout=0.3).invoke("Hi"))
    assert type(error) is errors.Unreachable
    assert "in time" in str(error)


def test_an_answer_that_is_not_json(lab: Lab) -> None:
    lab.server.reply(TEXT, fault="malformed")
    assert type(failure(lambda: lab.model().invoke("Hi"))) is errors.ProviderError


def test_an_answer_of_another_shape(lab: Lab) -> None:
    lab.server.whole = lambda reply, request: {"surprise": True}  # type: ignore[method-assign]
    assert type(failure(lambda: lab.model().invoke("Hi"))) is errors.ProviderError
    lab.server.whole = lambda reply, request: [1]  # type: ignore[method-assign]
    assert type(failure(lambda: lab.model().invoke("Hi"))) is errors.ProviderError


def test_an_answer_that_is_a_web_page(lab: Lab) -> None:
    lab.server.error = lambda status, message: message  # type: ignore[method-assign]
    lab.server.fail(502, "<html><h1>Bad gateway</h1></html>")
    error = failure(lambda: lab.model().invoke("Hi"))
    assert isinstance(error, errors.ProviderError)
    assert error.status == 502
    assert "<" not in str(error)


@pytest.mark.parametrize("fault", ["cut", "no_finish", "malformed", "error_event", "hang"])
@pytest.mark.parametrize("after", [1, 2, 3])
def test_interrupted_streams_keep_what_came(lab: Lab, fault: Any, after: int) -> None:
    lab.server.reply("One two three", fault=fault, after=after)
    shown: list[str] = []
    model = lab.model(timeout=0.3, max_retries=5)

    def call() -> None:
        for chunk in model.stream("Hi"):
            shown.append(chunk.text)

    error = failure(call)
    assert type(error) is errors.StreamInterrupted
    assert error.partial == "".join(shown) == "One two three"[: [4, 8, 13][after - 1]]
    assert len(lab.server.requests) == 1  # never again once a token was shown


async def test_interrupted_async_streams(lab: Lab) -> None:
    lab.server.reply("One two three", fault="cut", after=2)
    with pytest.raises(errors.StreamInterrupted) as caught:
        async for _ in lab.model(max_retries=5).astream("Hi"):
            pass
    assert caught.value.partial == "One two "
    assert len(lab.server.requests) == 1


def test_the_key_is_nowhere(lab: Lab) -> None:
    model = lab.model()
    assert KEY not in repr(model) + str(model) + str(model.identity)
    assert KEY not in dumps(model)
    for status in (400, 401, 500):
        lab.server.fail(status, f"key {KEY}, Authorization: Bearer {KEY}")
        lab.server.take()
        error = failure(lambda: model.invoke("Hi"))
        shown = "".join(traceback.format_exception(error)) + repr(error) + error.hint
        assert KEY not in shown
        assert error.__cause__ is None
        assert error.__context__ is None
        assert KEY.encode() not in pickle.dumps(str(error))


# Tries again


def test_tries_again_before_the_first_token(lab: Lab) -> None:
    lab.server.fail(429, headers={"Retry-After": "0"})
    lab.server.fail(503)
    lab.server.reply(TEXT)
    model = lab.model(max_retries=2)
    assert "".join(chunk.text for chunk in model.stream("Hi")) == TEXT
    assert len(lab.server.requests) == 3


def test_tries_as_often_as_it_was_told(lab: Lab) -> None:
    lab.server.fail(429, headers={"Retry-After": "0"})
    assert type(failure(lambda: lab.model(max_retries=2).invoke("Hi"))) is errors.RateLimited
    assert len(lab.server.requests) == 3


def test_waits_as_long_as_it_was_told(lab: Lab) -> None:
    lab.server.fail(429, headers={"Retry-After": "1"})
    lab.server.reply(TEXT)
    start = time.monotonic()
    assert lab.model(max_retries=1).invoke("Hi").content == TEXT
    assert time.monotonic() - start >= 1


def test_does_not_wait_for_minutes(lab: Lab) -> None:
    lab.server.fail(429, headers={"Retry-After": "3600"})
    error = failure(lambda: lab.model(max_retries=5).invoke("Hi"))
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after == 3600
    assert len(lab.server.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_does_not_repeat_what_cannot_help(lab: Lab, status: int) -> None:
    lab.server.fail(status)
    failure(lambda: lab.model(max_retries=5).invoke("Hi"))
    assert len(lab.server.requests) == 1


# Cancellation


@pytest.mark.parametrize("how", ["invoke", "stream", "ainvoke", "astream"])
def test_cancel_stops_a_blocked_read_and_closes_the_connection(lab: Lab, how: str) -> None:
    lab.server.reply("One two three", fault="hang", after=2)
    model = lab.model()

    async def astream() -> None:
        async for _ in model.astream("Hi"):
            pass

    def call() -> None:
        match how:
            case "invoke":
                model.invoke("Hi")
            case "stream":
                list(model.stream("Hi"))
            case "ainvoke":
                asyncio.run(model.ainvoke("Hi"))
            case "astream":
                asyncio.run(astream())

    with cancellable() as scope:
        cancelled_at: list[float] = []

        def cancel() -> None:
            lab.server.waiting.wait(10)
            cancelled_at.append(time.monotonic())
            scope.cancel()

        thread = threading.Thread(target=cancel)
        thread.start()
        with pytest.raises(errors.TurnCancelled):
            call()
        took = time.monotonic() - cancelled_at[0]
        thread.join()
    assert took < 1
    assert lab.server.dropped.wait(5)


def test_cancel_stops_the_wait_between_tries(lab: Lab) -> None:
    lab.server.fail(429, headers={"Retry-After": "50"})
    with cancellable() as scope:
        threading.Timer(0.3, scope.cancel).start()
        start = time.monotonic()
        with pytest.raises(errors.TurnCancelled):
            lab.model(max_retries=3).invoke("Hi")
    assert time.monotonic() - start < 5


def test_a_stream_that_is_left_closes_its_connection(lab: Lab) -> None:
    lab.server.reply("One two three", fault="hang", after=2)
    stream = lab.model().stream("Hi")
    assert next(chunk.text for chunk in stream if chunk.text) == "One "
    stream.close()  # type: ignore[attr-defined]
    del stream
    gc.collect()
    assert lab.server.dropped.wait(5)


async def test_a_cancelled_task_closes_its_connection(lab: Lab) -> None:
    lab.server.reply(TEXT, fault="hang")
    task = asyncio.create_task(lab.model().ainvoke("Hi"))
    await asyncio.to_thread(lab.server.waiting.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(lab.server.dropped.wait, 5)
