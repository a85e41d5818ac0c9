"""The local chat model: every path gives the same answer and honours every parameter."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.runnables import RunnableParallel

from agentlab.errors import ConfigError, ContextOverflow

pytestmark = pytest.mark.model

QUESTION = "Name a colour."
Run = Callable[[Any, str], AIMessage]


@pytest.fixture(scope="session")
def model(smollm2: BaseChatModel) -> BaseChatModel:
    return smollm2.model_copy(
        update={"n_ctx": 768, "n_batch": 8, "temperature": 0.8, "seed": 5, "max_tokens": 8}
    )


def added(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    return whole


async def astream(model: Any, text: str) -> AIMessageChunk:
    return added([chunk async for chunk in model.astream(text)])


PATHS: dict[str, Run] = {
    "invoke": lambda m, text: m.invoke(text),
    "stream": lambda m, text: added(list(m.stream(text))),
    "batch": lambda m, text: m.batch([text])[0],
    "ainvoke": lambda m, text: asyncio.run(m.ainvoke(text)),
    "astream": lambda m, text: asyncio.run(astream(m, text)),
    "abatch": lambda m, text: asyncio.run(m.abatch([text]))[0],
}
on_every_path = pytest.mark.parametrize("run", PATHS.values(), ids=PATHS.keys())


def same(one: AIMessage, other: AIMessage) -> bool:
    def parts(message: AIMessage) -> Any:
        usage = dict(message.usage_metadata or {})
        usage.pop("input_token_details")
        metadata = {k: v for k, v in message.response_metadata.items() if k != "timings"}
        return message.content, usage, metadata

    return bool(parts(one) == parts(other))


_answers: dict[str, AIMessage] = {}


def _once(model: BaseChatModel, fields: dict[str, Any]) -> AIMessage:
    """The answer of ``model`` with these fields of its own, asked for once."""
    key = repr(fields)
    if key not in _answers:
        _answers[key] = model.model_copy(update=fields).invoke(QUESTION)
    return _answers[key]


class TestEveryPath:
    @on_every_path
    def test_the_same_message(self, model: BaseChatModel, run: Run) -> None:
        asked = model.bind(logprobs=True, top_logprobs=2)
        assert same(run(asked, QUESTION), asked.invoke(QUESTION))

    @on_every_path
    def test_usage_finish_and_seed(self, model: BaseChatModel, run: Run) -> None:
        # What is drawn differs from one kind of CPU to another: few tokens, not to meet the end.
        message = run(model.bind(max_tokens=2), QUESTION)
        usage = message.usage_metadata
        assert usage is not None
        messages = [HumanMessage(QUESTION)]
        assert usage["input_tokens"] == model.get_num_tokens_from_messages(messages)
        assert usage["output_tokens"] == 2
        assert usage["total_tokens"] == usage["input_tokens"] + 2
        assert message.response_metadata["finish_reason"] == "length"
        assert message.response_metadata["seed"] == 5
        assert message.response_metadata["model_name"] == "smollm2"

    def test_a_closed_stream_has_told_what_it_read(self, model: BaseChatModel) -> None:
        stream = model.stream(QUESTION)
        usage = next(stream).usage_metadata
        stream.close()  # type: ignore[attr-defined]
        assert usage is not None
        assert usage["input_tokens"] == model.get_num_tokens_from_messages([HumanMessage(QUESTION)])
        assert usage["output_tokens"] == 0

    @on_every_path
    @pytest.mark.parametrize(
        "given",
        [
            {"temperature": 0.0},
            {"temperature": 2.0},
            {"top_p": 0.01},
            {"top_k": 1},
            {"min_p": 0.99},
            {"repeat_penalty": 3.0},
            {"frequency_penalty": 2.0},
            {"presence_penalty": 2.0},
            {"seed": 8},
            {"max_tokens": 3},
            {"stop": " "},
            {"stop": ["e", " "]},
        ],
        ids=lambda given: next(iter(given)),
    )
    def test_parameters(self, model: BaseChatModel, run: Run, given: dict[str, Any]) -> None:
        warm = model.model_copy(update={"temperature": 1.5, "top_k": 0, "min_p": 0.0, "top_p": 1.0})
        bound = run(warm.bind(**given), QUESTION)
        assert bound.content != _once(warm, {}).content
        assert same(bound, _once(warm, given))
        if "stop" in given:
            assert bound.response_metadata["finish_reason"] == "stop"
            assert not any(stop in bound.content for stop in given["stop"])
        if "max_tokens" in given:
            assert (bound.usage_metadata or {})["output_tokens"] == 3

    @on_every_path
    @pytest.mark.parametrize(
        ("given", "says"),
        [
            ({"temprature": 1}, "temprature"),
            ({"temperature": -1}, "temperature"),
            ({"temperature": "hot"}, "temperature"),
            ({"temperature": math.nan}, "temperature"),
            ({"temperature": None}, "temperature"),
            ({"top_p": 0}, "top_p"),
            ({"top_k": 1.5}, "top_k"),
            ({"seed": -1}, "seed"),
            ({"seed": 2**32 - 1}, "seed"),
            ({"max_tokens": 0}, "max_tokens"),
            ({"stop": [""]}, "stop"),
            ({"stop": 5}, "stop"),
            ({"n_ctx": 5}, "n_ctx"),
        ],
    )
    def test_wrong_parameters(
        self, model: BaseChatModel, run: Run, given: dict[str, Any], says: str
    ) -> None:
        with pytest.raises(ConfigError, match=says):
            model.bind(**given)  # at once
        if "stop" not in given and "n_ctx" not in given and says in type(model).model_fields:
            with pytest.raises(ConfigError, match=says):
                run(model.model_copy(update=given), QUESTION)  # which pydantic does not check

    @on_every_path
    def test_too_long_a_prompt(self, model: BaseChatModel, run: Run) -> None:
        with pytest.raises(ContextOverflow) as caught:
            run(model, "word " * 800)
        assert caught.value.available == 767
        assert caught.value.needed > 800


def test_a_seed_that_was_drawn_can_be_given_again(model: BaseChatModel) -> None:
    free = model.model_copy(update={"seed": None, "temperature": 1.5})
    first, second = free.invoke(QUESTION), free.invoke(QUESTION)
    assert first.response_metadata["seed"] != second.response_metadata["seed"]
    assert same(free.bind(seed=first.response_metadata["seed"]).invoke(QUESTION), first)


def test_to_the_end_of_the_context(model: BaseChatModel) -> None:
    small = model.model_copy(update={"n_ctx": 256, "max_tokens": None, "temperature": 0})
    prompt = "Count from one to a thousand: one, two, three. " + "Go on and on. " * 35
    message = small.invoke(prompt, grammar="root ::= [a-z ]*  [0-9]{600}")
    usage = message.usage_metadata
    assert usage is not None
    assert usage["total_tokens"] == 256
    assert message.response_metadata["finish_reason"] == "length"


def test_stop_across_tokens(model: BaseChatModel) -> None:
    held = model.bind(regex="alpha beta gamma delta")
    for run in PATHS.values():
        message = run(held.bind(stop=["ta gam"]), QUESTION)
        assert message.content == "alpha be"
        assert message.response_metadata["finish_reason"] == "stop"


def test_a_call_s_stop_takes_the_place_of_the_models(model: BaseChatModel) -> None:
    held = model.model_copy(update={"stop": "beta"}).bind(regex="alpha beta gamma delta")
    assert held.invoke(QUESTION).content == "alpha "
    assert held.invoke(QUESTION, stop=["gamma"]).content == "alpha beta "
    assert held.invoke(QUESTION, stop=[]).content == "alpha beta gamma delta"


class TestLogprobs:
    def test_openais_form(self, model: BaseChatModel) -> None:
        asked = model.bind(logprobs=True, top_logprobs=3, temperature=0)
        entries = asked.invoke(QUESTION).response_metadata["logprobs"]["content"]
        assert len(entries) == 8
        for entry in entries:
            assert set(entry) == {"token", "logprob", "bytes", "top_logprobs"}
            assert bytes(entry["bytes"]).decode("utf-8", "replace") == entry["token"]
            top = [rival["logprob"] for rival in entry["top_logprobs"]]
            assert len(top) == 3
            assert top == sorted(top, reverse=True)
            assert sum(map(math.exp, top)) <= 1 + 1e-6
            # Temperature 0 takes the likeliest.
            assert entry["top_logprobs"][0]["token"] == entry["token"]
            assert entry["logprob"] == top[0] <= 0

    def test_none_unless_asked(self, model: BaseChatModel) -> None:
        assert "logprobs" not in model.invoke(QUESTION).response_metadata
        only = model.bind(logprobs=True).invoke(QUESTION).response_metadata["logprobs"]["content"]
        assert only[0]["top_logprobs"] == []

    def test_streamed_and_whole_are_equal(self, model: BaseChatModel) -> None:
        asked = model.bind(logprobs=True, top_logprobs=2, stop=["zq"])
        whole = asked.invoke(QUESTION).response_metadata["logprobs"]
        assert added(list(asked.stream(QUESTION))).response_metadata["logprobs"] == whole


QUESTIONS = tuple(f"Tell me about the number {n}." for n in range(8))


@pytest.fixture(scope="module")
def alone(model: BaseChatModel) -> list[str]:
    return [model.invoke(question).text for question in QUESTIONS]


class TestTogether:
    def test_batch(self, model: BaseChatModel, alone: list[str]) -> None:
        assert [m.text for m in model.batch(list(QUESTIONS))] == alone

    def test_parallel(self, model: BaseChatModel, alone: list[str]) -> None:
        both = RunnableParallel(a=model, b=model.bind(seed=6)).invoke(QUESTIONS[0])
        assert both["a"].text == alone[0]
        assert both["b"].text == model.bind(seed=6).invoke(QUESTIONS[0]).text

    async def test_gather(self, model: BaseChatModel, alone: list[str]) -> None:
        found = await asyncio.gather(*map(model.ainvoke, QUESTIONS))
        assert [m.text for m in found] == alone

    def test_threads(self, model: BaseChatModel, alone: list[str]) -> None:
        barrier = threading.Barrier(8)

        def ask(question: str) -> str:
            barrier.wait()
            return "".join(chunk.text for chunk in model.stream(question))

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(ask, QUESTIONS)) == alone

    def test_a_call_within_a_stream(self, model: BaseChatModel, alone: list[str]) -> None:
        text = ""
        for chunk in model.stream(QUESTIONS[0]):
            text += chunk.text
            if len(text) < 20:
                assert model.invoke(QUESTIONS[1]).text == alone[1]
        assert text == alone[0]


def test_models_of_one_file_share_its_weights(model: BaseChatModel) -> None:
    other = model.model_copy(update={"n_ctx": 512})
    assert other.engine is not model.engine
    assert other.engine.weights is model.engine.weights
    assert other.context_length == 512
    assert model.model_copy(update={"temperature": 0}).engine is model.engine


def test_langchains_cache_tells_models_apart(model: BaseChatModel) -> None:
    set_llm_cache(InMemoryCache())
    try:
        other = model.model_copy(update={"temperature": 2.0, "seed": 99})
        assert model.invoke(QUESTION).content != other.invoke(QUESTION).content
    finally:
        set_llm_cache(None)


def test_the_prompt_can_be_seen(model: BaseChatModel) -> None:
    messages = [HumanMessage(QUESTION)]
    text = model.render(messages)
    assert text.endswith(f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n")
    weights = model.engine.weights
    assert model.template.tokens(messages) == weights.tokenize(text, special=True)


def test_likelihood(model: BaseChatModel) -> None:
    likely = model.log_likelihood("The capital of France is which city?", "Paris")
    unlikely = model.log_likelihood("The capital of France is which city?", "Xylophone")
    assert unlikely["mean"] < likely["mean"] <= 0
    mine, instead = unlikely["first"]
    assert "Xylophone".startswith(mine)
    assert instead not in ("", mine)
    greedy = model.invoke([HumanMessage("Name a colour.")], temperature=0, max_tokens=4).text
    told = model.log_likelihood("Name a colour.", greedy)
    assert (told["agree"], told["first"]) == (1, None)
    with pytest.raises(ContextOverflow):
        model.log_likelihood("a", "word " * 900)
