"""OpenAI's own: its parameters, log-probabilities, overflows, and servers that imitate it."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from agentlab import errors
from agentlab.models import openai
from tests.support.openai_server import OpenAIServer

LONG = {
    "openai": {
        "error": {
            "message": "This model's maximum context length is 8,192 tokens. However, your "
            "messages resulted in 9,001 tokens. Please reduce the length of the messages.",
            "code": "context_length_exceeded",
        }
    },
    "openai, with an answer": {
        "error": {
            "message": "This model's maximum context length is 8192 tokens. However, you requested "
            "9001 tokens (8001 in the messages, 1000 in the completion).",
            "code": "context_length_exceeded",
        }
    },
    "vllm": {
        "object": "error",
        "message": "This model's maximum context length is 8192 tokens. However, you requested "
        "9001 tokens in the messages, Please reduce the length of the messages.",
        "code": 400,
    },
    "llama-server": {
        "error": {
            "code": 400,
            "message": "the request exceeds the available context size, try increasing it",
            "type": "exceed_context_size_error",
            "n_prompt_tokens": 9001,
            "n_ctx": 8192,
        }
    },
    "llama-server, in words": {
        "error": {
            "message": "request (9001 tokens) exceeds the available context size (8192 tokens)"
        }
    },
}


def test_is_langchains_model(openai_server: OpenAIServer) -> None:
    assert isinstance(openai.create("test", base_url=openai_server.url), ChatOpenAI)


@pytest.mark.parametrize("body", LONG.values(), ids=LONG.keys())
def test_a_prompt_that_is_too_long(openai_server: OpenAIServer, body: dict[str, Any]) -> None:
    openai_server.fail(400, body)
    model = openai.create("test", base_url=openai_server.url)
    for call in (lambda: model.invoke("Hi"), lambda: list(model.stream("Hi"))):
        with pytest.raises(errors.ContextOverflow) as caught:
            call()
        assert (caught.value.needed, caught.value.available) == (9001, 8192)


def test_a_prompt_that_is_too_long_without_counts(openai_server: OpenAIServer) -> None:
    body = {"error": {"message": "prompt too long", "code": "context_length_exceeded"}}
    openai_server.fail(400, body)
    with pytest.raises(errors.ProviderError, match="prompt too long") as caught:
        openai.create("test", base_url=openai_server.url).invoke("Hi")
    assert caught.value.status == 400


def test_logprobs(openai_server: OpenAIServer) -> None:
    model = openai.create("test", base_url=openai_server.url, logprobs=True)
    content = model.invoke("Hi").response_metadata["logprobs"]["content"]
    assert [entry["token"] for entry in content] == ["Hello ", "there, ", "friend!"]
    streamed = [
        entry["token"]
        for chunk in model.stream("Hi")
        for entry in (chunk.response_metadata.get("logprobs") or {}).get("content", [])
    ]
    assert streamed == ["Hello ", "there, ", "friend!"]


def test_usage_can_be_left_out_of_streams(openai_server: OpenAIServer) -> None:
    list(openai.create("test", base_url=openai_server.url, stream_usage=False).stream("Hi"))
    list(openai.create("test", base_url=openai_server.url).stream("Hi"))
    sent = [request.body.get("stream_options") for request in openai_server.requests]
    assert sent == [None, {"include_usage": True}]


def test_structured_output_that_was_cut(openai_server: OpenAIServer) -> None:
    class Person(BaseModel):
        name: str

    openai_server.reply('{"name": "Maar', finish="length")
    model = openai.create("test", base_url=openai_server.url, max_retries=0)
    with pytest.raises(errors.InvalidOutput, match="cut") as caught:
        model.with_structured_output(Person).invoke("Who?")
    assert caught.value.text == '{"name": "Maar'
    openai_server.reply('{"nam": 3}')
    openai_server.take()
    with pytest.raises(errors.InvalidOutput):
        model.with_structured_output(Person).invoke("Who?")


def test_top_k_needs_extra_body(openai_server: OpenAIServer) -> None:
    with pytest.raises(errors.ConfigError, match="top_k") as caught:
        openai.create("test", base_url=openai_server.url, top_k=40)
    assert "extra_body" in caught.value.hint


def test_an_unknown_parameter_bound_later(openai_server: OpenAIServer) -> None:
    model = openai.create("test", base_url=openai_server.url)
    with pytest.raises(errors.ConfigError, match="temprature"):
        model.bind(temprature=1).invoke("Hi")
    assert openai_server.requests == []


def test_the_environment(openai_server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", openai_server.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-the-environment")
    assert openai.create("test").invoke("Hi").content == "Hello there, friend!"
    sent = openai_server.requests[0].headers["authorization"]
    assert sent == "Bearer sk-from-the-environment"


def test_a_name_and_password_in_the_address_are_not_shown(openai_server: OpenAIServer) -> None:
    openai_server.fail(500)
    url = openai_server.url.replace("://", "://me:hunter2@")
    model = openai.create("test", base_url=url, max_retries=0)
    with pytest.raises(errors.ProviderError) as caught:
        model.invoke("Hi")
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in str(model.identity)


def test_a_path_that_is_not_there(openai_server: OpenAIServer) -> None:
    model = openai.create("test", base_url=openai_server.url.removesuffix("/v1"))
    with pytest.raises(errors.ProviderError, match="404") as caught:
        model.invoke("Hi")
    assert "/v1" in caught.value.hint


def test_counting_tokens_needs_no_network(openai_server: OpenAIServer) -> None:
    model = openai.create("my-own-model", base_url=openai_server.url)
    assert 0 < model.get_num_tokens("How do you do?") < 20
    assert 0 < model.get_num_tokens_from_messages([HumanMessage("How do you do?")]) < 30


def test_the_server_has_models_and_embeddings_too(openai_server: OpenAIServer) -> None:
    embeddings = OpenAIEmbeddings(
        model="test",
        base_url=openai_server.url,
        api_key="none",
        check_embedding_ctx_length=False,
    )
    one, two = embeddings.embed_documents(["a", "b"])
    assert len(one) == len(two) == 8
    assert embeddings.embed_query("a") == one != two


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_openai", None)
    monkeypatch.delitem(sys.modules, "agentlab.models.openai")
    with pytest.raises(errors.MissingExtra, match="langchain-openai") as caught:
        importlib.import_module("agentlab.models.openai")
    assert "uv sync --extra openai" in caught.value.hint
    assert "uv sync --extra openai" in caught.value.hint


def test_a_process_ends_while_an_answer_is_read(openai_server: OpenAIServer) -> None:
    openai_server.reply("One two three", fault="hang", after=2)
    code = (
        "from agentlab.models.openai import create\n"
        f"stream = create('test', base_url={openai_server.url!r}).stream('Hi')\n"
        "print(next(c.text for c in stream if c.text))\n"
    )
    run = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "One \n", "")
