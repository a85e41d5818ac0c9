"""Cohere's own: its names of things, citations, and its extra."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any

import pytest
from langchain_cohere import ChatCohere
from langchain_core.documents import Document
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool

from agentlab import errors
from agentlab.models import cohere
from tests.support.cohere_server import CITATION, CohereServer


@tool
def search(query: str) -> str:
    """Search."""
    return query


@tool
def calculator(expression: str) -> str:
    """Compute."""
    return expression


def test_is_langchains_model(cohere_server: CohereServer) -> None:
    assert isinstance(cohere.create("command-a", base_url=cohere_server.url), ChatCohere)


def test_names_of_parameters(cohere_server: CohereServer) -> None:
    model = cohere.create("command-a", base_url=cohere_server.url, top_k=40, top_p=0.5)
    model.bind(top_k=20).invoke("Hi")
    body = cohere_server.requests[0].body
    assert (body["k"], body["p"], body["model"]) == (20, 0.5, "command-a")
    assert "top_k" not in body


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("COMPLETE", "stop"),
        ("STOP_SEQUENCE", "stop"),
        ("MAX_TOKENS", "length"),
        ("ERROR_TOXIC", "error_toxic"),
    ],
)
def test_finish_reasons(cohere_server: CohereServer, theirs: str, ours: str) -> None:
    cohere_server.reply("Hi", finish=theirs)
    model = cohere.create("test", base_url=cohere_server.url)
    assert model.invoke("Hi").response_metadata["finish_reason"] == ours
    assert [*model.stream("Hi")][-1].response_metadata["finish_reason"] == ours


def test_citations(cohere_server: CohereServer) -> None:
    model = cohere.create("test", base_url=cohere_server.url)
    documents = [Document("Hello is a greeting.", metadata={"id": "doc-0"})]
    bound = model.bind(documents=documents)
    assert bound.invoke("Hi").additional_kwargs["citations"] == [CITATION]
    streamed = [
        citation
        for chunk in bound.stream("Hi")
        for citation in chunk.additional_kwargs.get("citations", [])
    ]
    assert streamed == [CITATION]
    sent = cohere_server.requests[0].body["documents"]
    assert sent == [{"id": "doc-0", "data": {"text": "Hello is a greeting."}}]


@pytest.mark.parametrize(
    ("choice", "sent", "offered"),
    [
        ("any", "REQUIRED", ["search", "calculator"]),
        ("none", "NONE", ["search", "calculator"]),
        ("auto", None, ["search", "calculator"]),
        ("search", "REQUIRED", ["search"]),
    ],
)
def test_tool_choice(
    cohere_server: CohereServer, choice: str, sent: str | None, offered: list[str]
) -> None:
    model = cohere.create("test", base_url=cohere_server.url)
    model.bind_tools([search, calculator], tool_choice=choice).invoke("Hi")
    body = cohere_server.requests[0].body
    assert body.get("tool_choice") == sent
    assert [t["function"]["name"] for t in body["tools"]] == offered


def test_a_tool_plan_is_the_text(cohere_server: CohereServer) -> None:
    cohere_server.reply("I will search.", tool_calls=[("search", {"query": "price"})])
    model = cohere.create("test", base_url=cohere_server.url).bind_tools([search])
    assert model.invoke("Hi").content == "I will search."
    assert "".join(chunk.text for chunk in model.stream("Hi")) == "I will search."


def test_a_prompt_that_is_too_long(cohere_server: CohereServer) -> None:
    cohere_server.fail(
        400,
        "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4146.",
    )
    with pytest.raises(errors.ContextOverflow) as caught:
        cohere.create("test", base_url=cohere_server.url).invoke("Hi")
    assert (caught.value.needed, caught.value.available) == (4146, 4081)


def test_either_variable_holds_the_key(
    cohere_server: CohereServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CO_API_KEY", "co-key")
    model = cohere.create("test", base_url=cohere_server.url)
    model.invoke("Hi")
    monkeypatch.setenv("COHERE_API_KEY", "cohere-key")
    cohere.create("test", base_url=cohere_server.url).invoke("Hi")
    sent = [request.headers["authorization"] for request in cohere_server.requests]
    assert sent == ["Bearer co-key", "Bearer cohere-key"]


def test_counting_tokens_needs_no_network(cohere_server: CohereServer) -> None:
    model = cohere.create("test", base_url=cohere_server.url)
    assert 0 < model.get_num_tokens("How do you do?") < 20
    assert 0 < model.get_num_tokens_from_messages([HumanMessage("How do you do?")]) < 30
    assert cohere_server.requests == []


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_cohere", None)
    for name in ("agentlab.models.cohere", "agentlab.models._cohere_http"):
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(errors.MissingExtra, match="langchain-cohere") as caught:
        importlib.import_module("agentlab.models.cohere")
    assert "uv sync --extra cohere" in caught.value.hint


def test_importing_it_warns_of_nothing() -> None:
    run: list[Any] = [sys.executable, "-W", "error", "-c", "import agentlab.models.cohere"]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
