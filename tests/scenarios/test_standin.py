"""Hosted models in replay: the requests of the provider's library, mostly without it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import StructuredTool, tool
from pydantic import BaseModel

from agentlab.boundary import Call, Handler, handling, recordable
from agentlab.errors import ConfigError
from agentlab.models import load_model
from agentlab.offline import offline
from agentlab.recording import Scrubber
from agentlab.recording.requests import Reader
from agentlab.recording.steps import Request
from agentlab.scenarios import keeping
from agentlab.scenarios.models import Models
from agentlab.scenarios.schema import ModelEntry
from agentlab.scenarios.standin import StandIn, stand_in
from tests.support.openai_server import openai_server


class Noting(Handler):
    """Answers in each call's place, and keeps its request."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def call(self, call: Call, proceed: Any) -> Any:
        self.requests.append(Reader(Scrubber()).read(call)[0])
        return ChatResult(generations=[ChatGeneration(message=AIMessage('{"a": 1}'))])


def request_of(model: Any, **call: Any) -> Request:
    noting = Noting()
    with handling(noting):
        model.invoke("Hi", **call)
    return noting.requests[0]


def real_and_stand_in(provider: str, **settings: Any) -> list[BaseChatModel]:
    given = {"api_key": "replay", **settings}

    def make() -> BaseChatModel:
        return load_model(f"{provider}:demo", **given)

    found = stand_in(provider, "demo", given, make)
    assert type(found) is StandIn
    return [make(), recordable(found)]


SETTINGS: list[dict[str, Any]] = [
    {},
    {"temperature": 0},
    {"temperature": 0.7, "top_p": 0.9, "seed": 3, "max_tokens": 64, "timeout": 3, "max_retries": 1},
    {"stop": ["END"]},
    {"stop": "END"},
    {"frequency_penalty": 0.5, "presence_penalty": 1, "base_url": "http://127.0.0.1:9/v1"},
    {"logprobs": True, "extra_body": {"min_p": 0.1}},
]
OPENAI: list[dict[str, Any]] = [
    {"top_logprobs": 2, "logprobs": True, "logit_bias": {"50256": -100}},
    {"reasoning_effort": "low", "verbosity": "low", "service_tier": "flex"},
    {"organization": "o", "default_headers": {"x": "y"}, "stream_usage": False},
]
CASES = [(p, s) for p in ("openai", "cohere") for s in SETTINGS] + [("openai", s) for s in OPENAI]


@pytest.mark.parametrize(("provider", "settings"), CASES)
def test_the_same_request(provider: str, settings: dict[str, Any]) -> None:
    real, light = real_and_stand_in(provider, **settings)
    for call in ({}, {"stop": ["."]}, {"temperature": 1.0, "max_tokens": 3}):
        one, other = (request_of(model, **call) for model in (real, light))
        assert one == other
        bound = (request_of(model.bind(**call)) for model in (real, light))
        assert [request.key for request in bound] == [one.key, one.key]


class Form(BaseModel):
    a: int


@tool
def look_up(order: str) -> str:
    """Look up an order."""
    return order


def lookup_function(order: str, quickly: bool = False) -> str:
    """Look up an order.

    Args:
        order: its number.
        quickly: without its history.
    """
    return order


LATER = StructuredTool.from_function(lookup_function, name="later", extras={"defer_loading": True})


@pytest.mark.parametrize("provider", ["openai", "cohere"])
def test_tools_and_schemas_are_the_librarys(provider: str) -> None:
    real, light = real_and_stand_in(provider, temperature=0)
    for more in (
        lambda model: model.bind_tools([look_up]),
        lambda model: model.bind_tools([look_up, Form], tool_choice="look_up"),
        lambda model: model.with_structured_output(Form),
        lambda model: model.with_structured_output(Form, method="function_calling"),
    ):
        assert request_of(more(real)) == request_of(more(light))
    bound = light.bind_tools([look_up]).bound
    assert type(bound) is type(light if provider == "openai" else real)
    assert light.profile == real.profile
    assert light.get_num_tokens("one two") == real.get_num_tokens("one two")
    fields = set(type(real).model_fields) - set(StandIn.model_fields)
    assert all(hasattr(light, name) for name in fields)
    assert light.tries_again == real.tries_again == 2  # type: ignore[attr-defined]
    assert not hasattr(light, "log_likelihood")
    assert not hasattr(light, "no_such_thing")


BINDINGS: list[dict[str, Any]] = [
    *({"tool_choice": c} for c in ("any", "auto", "none", "required", True, False, None)),
    {"tool_choice": {"type": "function", "function": {"name": "look_up"}}},
    {"tool_choice": "web_search"},
    {"strict": True, "parallel_tool_calls": False, "temperature": 0.5},
    {"response_format": Form, "tools": [Form]},
    {"tools": [lookup_function, LATER, {"title": "A", "type": "object", "properties": {}}]},
    {"tools": [{"type": "web_search"}]},
    {"tools": []},
]


@pytest.mark.parametrize("binding", BINDINGS)
def test_tools_bound_to_openais_models(binding: dict[str, Any]) -> None:
    real, light = real_and_stand_in("openai")
    given = {"tools": [look_up, Form], **binding}
    one, other = (request_of(model.bind_tools(**given)) for model in (real, light))
    assert one == other
    assert one.key == other.key


def test_the_model_proper_is_made_once() -> None:
    keeping._made.clear()
    made: list[int] = []

    def make() -> BaseChatModel:
        made.append(1)
        return load_model("openai:demo", api_key="replay")

    for _ in range(3):
        stand_in("openai", "demo", {"temperature": 0.5}, make).with_structured_output(Form)
    assert made == [1]


def test_what_is_not_plain_is_left_to_the_library(tmp_path: Path) -> None:
    with offline():
        models = Models(tmp_path, {})
        assert isinstance(models.get("openai:demo"), StandIn)
        for entry in ({"openai": "o1-mini"}, {"openai": "gpt-5", "temperature": 0.3}):
            assert not isinstance(models.get(ModelEntry.model_validate(entry)), StandIn)
        for wrong in ({"temprature": 0}, {"temperature": "hot"}):
            with pytest.raises(ConfigError):
                models.get(ModelEntry.model_validate({"openai": "demo", **wrong}))


FILE = """
agentlab: 1
models: {demo: {openai: demo, temperature: 0}}
scenarios:
- {id: whole, chain: 'shop:triage', input: {t: card charged twice}, expect: {contains: billing}}
- {id: talk, chat: chat, memory: 'window:2', turns: [{user: Hello}, {user: And now?}]}
- {id: agent, chat: chat, tools: [now, calculator], turns: [{user: Hello}]}
"""
SHOP = """
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

def triage(model):
    prompt = ChatPromptTemplate.from_messages([("system", "What is it?"), ("user", "{t}")])
    return prompt | model | StrOutputParser()
"""
REPLAY = """
import sys
from agentlab.scenarios.running import Options
from agentlab.scenarios.suite import run_suite
suite = run_suite(["s.yaml"], Options(record="none"))
print([(r.id, r.status, r.error) for r in suite.results])
print([name for name in ("openai", "langchain_openai", "tiktoken") if name in sys.modules])
"""


def test_a_chain_a_chat_and_an_agent_replay_without_the_library(tmp_path: Path) -> None:
    (tmp_path / "agentlab.toml").touch()
    (tmp_path / "s.yaml").write_text(FILE)
    (tmp_path / "shop.py").write_text(SHOP)
    with openai_server() as server, pytest.MonkeyPatch.context() as patch:
        server.reply("It is about billing.")
        patch.setenv("OPENAI_BASE_URL", server.url)
        patch.chdir(tmp_path)
        from agentlab.scenarios.running import Options
        from agentlab.scenarios.suite import run_suite

        recorded = run_suite(["s.yaml"], Options(record="all"))
        assert [r.status for r in recorded.results] == ["recorded"] * 3
        asked = len(server.requests)
        found = subprocess.run(
            [sys.executable, "-c", REPLAY], capture_output=True, text=True, check=False
        )
        assert found.stdout.splitlines() == [
            "[('whole', 'passed', ''), ('talk', 'passed', ''), ('agent', 'passed', '')]",
            "[]",
        ], found.stderr
        assert len(server.requests) == asked
