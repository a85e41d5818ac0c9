"""What OpenAI's and Cohere's models have in common, each against a server on loopback."""

from __future__ import annotations

import asyncio
import email.utils
import gc
import pickle
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from agentlab import errors
from agentlab.boundary import Call, Handler, handling, recordable
from agentlab.cancellation import cancellable
from agentlab.models import cohere, openai
from tests.support.cohere_server import cohere_server
from tests.support.openai_server import openai_server
from tests.support.provider_server import Provider, dead_url

KEY = "sk-very-secret-0123456789"
TEXT = "Hello there, friend!"


class Lab:
    """One provider: its server, and how to make its model."""

    def __init__(self, name: str, server: Provider, create: Callable[..., Any]) -> None:
        self.name, self.server, self.create = name, server, create

    def model(self, **params: Any) -> BaseChatModel:
        given = {"base_url": self.server.url, "api_key": KEY, "max_retries": 0, **params}
        return recordable(self.create("test", **given))

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [request.body for request in self.server.requests]


@pytest.fixture(params=["openai", "cohere"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with ExitStack() as stack:
        if request.param == "openai":
            yield Lab("openai", stack.enter_context(openai_server()), openai.create)
        else:
            yield Lab("cohere", stack.enter_context(cohere_server()), cohere.create)


@tool
def calculator(expression: str) -> str:
    """Compute an expression."""
    return expression


class Person(BaseModel):
    """A person."""

    name: str
    age: int


def failure(call: Callable[[], Any]) -> errors.AgentLabError:
    with pytest.raises(errors.AgentLabError) as caught:
        call()
    return caught.value


# Answers


def test_invoke(lab: Lab) -> None:
    answer = lab.model(seed=3).invoke("Hi")
    assert answer.content == TEXT
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["input_tokens"] == 9
    assert answer.usage_metadata["output_tokens"] == 3
    metadata = answer.response_metadata
    assert (metadata["finish_reason"], metadata["model_name"], metadata["seed"]) == (
        "stop",
        "test",
        3,
    )


def test_stream_is_the_same_answer_in_pieces(lab: Lab) -> None:
    chunks = list(lab.model(seed=3).stream("Hi"))
    assert [chunk.text for chunk in chunks if chunk.text] == ["Hello ", "there, ", "friend!"]
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert whole.usage_metadata is not None
    assert whole.usage_metadata["total_tokens"] == 12
    assert whole.response_metadata["finish_reason"] == "stop"
    assert whole.response_metadata["model_name"] == "test"
    assert whole.response_metadata["seed"] == 3


async def test_async(lab: Lab) -> None:
    model = lab.model()
    assert (await model.ainvoke("Hi")).content == TEXT
    assert "".join([chunk.text async for chunk in model.astream("Hi")]) == TEXT


def test_one_model_serves_many_event_loops_and_threads(lab: Lab) -> None:
    model = lab.model()
    for _ in range(3):
        assert asyncio.run(model.ainvoke("Hi")).content == TEXT
    assert [a.content for a in model.batch(["a", "b", "c", "d"])] == [TEXT] * 4


async def test_many_at_once(lab: Lab) -> None:
    model = lab.model()
    lab.server.reply(TEXT, delay=0.2)
    answers = await asyncio.gather(*(model.ainvoke(str(n)) for n in range(8)))
    assert [answer.content for answer in answers] == [TEXT] * 8


def test_parameters_reach_the_server(lab: Lab) -> None:
    model = lab.model(temperature=0.5, top_p=0.9, seed=7, max_tokens=5, stop=["\n"])
    model.invoke("Hi")
    list(model.stream("Hi"))
    for body in lab.bodies:
        names = {"openai": ("top_p", "stop"), "cohere": ("p", "stop_sequences")}[lab.name]
        assert body["temperature"] == 0.5
        assert body["seed"] == 7
        assert body["max_tokens"] == 5
        assert body[names[0]] == 0.9
        assert body[names[1]] == ["\n"]


def test_parameters_of_a_call_win(lab: Lab) -> None:
    lab.model(temperature=0.5).bind(temperature=0.1).invoke("Hi", stop=["END"])
    assert lab.bodies[0]["temperature"] == 0.1
    assert lab.bodies[0][{"openai": "stop", "cohere": "stop_sequences"}[lab.name]] == ["END"]


def test_extra_body_is_sent_as_it_is(lab: Lab) -> None:
    model = lab.model(extra_body={"top_k_tokens": 40})
    model.invoke("Hi")
    list(model.stream("Hi"))
    assert [body["top_k_tokens"] for body in lab.bodies] == [40, 40]


def test_the_conversation_is_sent(lab: Lab) -> None:
    call = {"name": "calculator", "args": {"expression": "1+1"}, "id": "c1", "type": "tool_call"}
    lab.model().invoke(
        [
            SystemMessage("Be brief."),
            HumanMessage("What is 1+1?"),
            AIMessage("", tool_calls=[call]),
            ToolMessage("2", tool_call_id="c1"),
        ]
    )
    sent = lab.bodies[0]["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "tool"]
    assert sent[2]["tool_calls"][0]["function"]["arguments"] == '{"expression": "1+1"}'


def test_tool_calls(lab: Lab) -> None:
    calls = [("calculator", {"expression": "1+1"}), ("calculator", {"expression": "2+2"})]
    lab.server.reply("", tool_calls=calls)
    bound = lab.model().bind_tools([calculator])
    answer = bound.invoke("What is 1+1?")
    assert [(c["name"], c["args"]) for c in answer.tool_calls] == calls
    assert answer.response_metadata["finish_reason"] == "tool_calls"
    assert lab.bodies[0]["tools"][0]["function"]["name"] == "calculator"

    chunks = list(bound.stream("What is 1+1?"))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert [(c["name"], c["args"]) for c in whole.tool_calls] == calls
    assert len({c["id"] for c in whole.tool_calls}) == 2
    assert whole.response_metadata["finish_reason"] == "tool_calls"


def test_structured_output(lab: Lab) -> None:
    lab.server.reply('{"name": "Maarten", "age": 34}')
    model = lab.model()
    expected = Person(name="Maarten", age=34)
    assert model.with_structured_output(Person).invoke("Who?") == expected
    sent = str(lab.bodies[0]["response_format"])
    assert "age" in sent
    schema = {"title": "person", "description": "p", **Person.model_json_schema()}
    assert model.with_structured_output(schema).invoke("Who?") == expected.model_dump()


def test_structured_output_by_tool_call(lab: Lab) -> None:
    lab.server.reply("", tool_calls=[("Person", {"name": "Maarten", "age": 34})])
    structured = lab.model().with_structured_output(Person, method="function_calling")
    assert structured.invoke("Who?") == Person(name="Maarten", age=34)


@pytest.mark.parametrize("schema", [Person, Person.model_json_schema()])
@pytest.mark.parametrize("text", ["Maarten", '{"name": "Maarten"}', "[" * 100_000])
def test_output_that_does_not_fit(lab: Lab, schema: Any, text: str) -> None:
    lab.server.reply(text)
    model = lab.model()
    with pytest.raises(errors.InvalidOutput):
        model.with_structured_output(schema).invoke("Who?")
    if lab.name == "cohere" or isinstance(schema, dict):  # OpenAI's SDK reads classes itself
        raw = model.with_structured_output(schema, include_raw=True).invoke("Who?")
        assert raw["raw"].content == text
        assert isinstance(raw["parsing_error"], errors.InvalidOutput)


def test_calls_cross_the_boundary_once(lab: Lab) -> None:
    seen: list[str] = []

    class Count(Handler):
        def call(self, call: Call, proceed: Callable[[], Any]) -> Any:
            seen.append(call.method)
            return proceed()

        def stream(self, call: Call, proceed: Callable[[], Any]) -> Iterator[Any]:
            seen.append(call.method)
            yield from proceed()

    with handling(Count()):
        model = lab.model()
        model.invoke("Hi")
        list(model.stream("Hi"))
    assert seen == ["_generate", "_stream"]


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


# Mistakes in the configuration


def test_unknown_parameter(lab: Lab) -> None:
    error = failure(lambda: lab.model(temprature=1))
    assert isinstance(error, errors.ConfigError)
    assert "temprature" in str(error)
    assert "temperature" in error.hint


@pytest.mark.parametrize("name", ["min_p", "repeat_penalty", "n_ctx"])
def test_parameters_of_local_models(lab: Lab, name: str) -> None:
    for call in (
        lambda: lab.model(**{name: 1}),
        lambda: lab.model().bind(**{name: 1}).invoke("Hi"),
        lambda: list(lab.model().bind(**{name: 1}).stream("Hi")),
    ):
        error = failure(call)
        assert isinstance(error, errors.ConfigError)
        assert name in str(error)
        assert "extra_body" in error.hint
    assert lab.server.requests == []


@pytest.mark.parametrize(
    "params",
    [
        {"temperature": "warm"},
        {"max_tokens": "many"},
        {"max_retries": -1},
        {"base_url": "localhost:80"},
        {"base_url": 8080},
        {"api_key": 7},
        {"timeout": "soon"},
    ],
)
def test_values_of_a_wrong_kind(lab: Lab, params: dict[str, Any]) -> None:
    error = failure(lambda: lab.model(**params))
    assert isinstance(error, errors.ConfigError)
    assert next(iter(params)) in str(error)
    assert KEY not in "".join(traceback.format_exception(error))


def test_no_key(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    error = failure(lambda: lab.create("test"))
    assert isinstance(error, errors.MissingKey)
    variable = {"openai": "OPENAI_API_KEY", "cohere": "COHERE_API_KEY"}[lab.name]
    assert variable in str(error)
    assert variable in error.hint
    monkeypatch.setenv(variable, KEY)
    assert KEY not in repr(lab.create("test"))


def test_no_key_is_needed_at_another_address(lab: Lab) -> None:
    lab.create("test", base_url=lab.server.url).invoke("Hi")
    assert "none" in lab.server.requests[0].headers.get("authorization", "none")


def test_the_key_is_sent(lab: Lab) -> None:
    lab.model().invoke("Hi")
    assert lab.server.requests[0].headers["authorization"] == f"Bearer {KEY}"
