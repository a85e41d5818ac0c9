"""What OpenAI's and Cohere's models have in common, each against a server on loopback."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from agentlab import errors
from agentlab.boundary import Call, Handler, handling
from tests.support.hosted import KEY, TEXT, Lab, failure, lab

__all__ = ["lab"]


@tool
def calculator(expression: str) -> str:
    """Compute an expression."""
    return expression


class Person(BaseModel):
    """A person."""

    name: str
    age: int


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
    with pytest.raises(errors.InvalidOutput) as caught:
        model.with_structured_output(schema).invoke("Who?")
    assert caught.value.text == text
    if text[0] == "{":
        assert "age" in str(caught.value)
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


# Mistakes in the configuration


def test_unknown_parameter(lab: Lab) -> None:
    error = failure(lambda: lab.model(temprature=1))
    assert isinstance(error, errors.ConfigError)
    assert "temprature" in str(error)
    assert "temperature" in error.hint


@pytest.mark.parametrize("name", ["min_p", "repeat_penalty", "n_ctx", "lark", "choices"])
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
