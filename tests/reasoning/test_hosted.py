"""Reasoning with OpenAI's and Cohere's models, each against a server on loopback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from agentlab import load_prompt
from agentlab.errors import ConfigError, InvalidOutput, RateLimited
from agentlab.models import openai
from agentlab.reasoning import (
    chain_of_thought,
    self_consistency,
    tree_of_thought,
    validated,
    with_preset,
)
from tests.reasoning.conftest import asks, kinds
from tests.support.hosted import Lab, lab
from tests.support.openai_server import openai_server

__all__ = ["lab"]


class Person(BaseModel):
    """A person."""

    name: str
    age: int = Field(le=150)


def thinks(answer: float) -> str:
    return json.dumps({"thought": f"So it is {answer}.", "answer": answer})


def test_a_wrong_answer_is_sent_back_with_what_is_wrong(lab: Lab) -> None:
    lab.server.reply('{"name": "Ada", "age": 200}')
    lab.server.reply('{"name": "Ada", "age": 41}')
    chain = validated(asks(lab.model()), schema=Person)
    assert chain.invoke("Who?") == Person(name="Ada", age=41)
    first, second = lab.bodies
    assert all("response_format" in body for body in (first, second))
    assert [m["role"] for m in second["messages"]] == ["user", "assistant", "user"]
    assert str(second["messages"][1]["content"]) == '{"name": "Ada", "age": 200}'
    assert (
        "age: input should be less than or equal to 150"
        in second["messages"][2]["content"].casefold()
    )


@pytest.mark.parametrize("name", ["gpt-5-mini", "o1", "o3", "o4-mini", "gpt-4o", "gpt-5-chat"])
def test_a_reasoning_model_is_given_no_temperature(name: str, tmp_path: Path) -> None:
    with openai_server() as server:
        model = openai.create(name, base_url=server.url, api_key="none")
        file = tmp_path / "warm.md"
        file.write_text("---\nconfig: {temperature: 0.3}\n---\n# user\n{{ input }}")
        for _ in range(4):
            server.reply("6")
        self_consistency(asks(model), n=1).invoke("q")
        with_preset(asks(model), "email").invoke("q")
        (load_prompt(file) | model).invoke("q")
        sent = [request.body.get("temperature") for request in server.requests]
    expected = [0.7, 0.2, 0.3] if name in ("gpt-4o", "gpt-5-chat") else [None] * 3
    if name == "o1":
        expected = [1.0] * 3  # what LangChain gives it
    assert sent == expected


@pytest.mark.parametrize("said", ['{"name": "Ada", "ag', "", "Ada is 41."])
def test_an_answer_that_is_no_json_is_refused_until_the_retries_end(lab: Lab, said: str) -> None:
    lab.server.reply(said, finish="length")
    chain = validated(asks(lab.model()), schema=Person, retries=1)
    with pytest.raises(InvalidOutput):
        chain.invoke("Who?")
    assert len(lab.bodies) == 2


def test_a_schema_needs_no_title_and_one_that_cannot_be_asked_for_is_told(lab: Lab) -> None:
    lab.server.reply('{"name": "Ada"}')
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "additionalProperties": False,
    }
    assert validated(asks(lab.model()), schema=schema).invoke("Who?") == {"name": "Ada"}
    if lab.name == "openai":
        with pytest.raises(ConfigError, match="can't be held to this schema"):
            validated(asks(lab.model()), schema={"type": "array", "items": {"type": "integer"}})


def test_a_thought_and_its_answer_come_apart(lab: Lab) -> None:
    lab.server.reply(thinks(6))
    chain = chain_of_thought(lab.model(), answer="number")
    result = chain.invoke("10 apples, 4 given away?")
    assert (result["thought"], result["answer"]) == ("So it is 6.", "6")
    assert result["usage"]["input_tokens"] == 9
    assert kinds(chain.stream("10 apples, 4 given away?")) == [
        "Thought",
        "Token",
        "Usage",
        "Answer",
    ]


async def test_votes_are_counted_and_the_rest_is_not_asked(lab: Lab) -> None:
    lab.server.reply(thinks(6))
    voting = self_consistency(chain_of_thought(lab.model(), answer="number"), n=5, vote="number")
    result = voting.invoke("10 apples, 4 given away?")
    assert (result["answer"], result["share"]) == ("6", 1.0)
    assert len(lab.bodies) == 3
    assert {body.get("temperature") for body in lab.bodies} == {0.7}
    assert (await voting.ainvoke("10 apples, 4 given away?"))["answer"] == "6"


def test_the_most_frequent_answer_wins(lab: Lab) -> None:
    for number in (6, 7, 6, 8, 6):
        lab.server.reply(thinks(number))
    thinking = chain_of_thought(lab.model(), answer="number")
    result = self_consistency(thinking, n=5, vote="number", together=1).invoke("10 less 4?")
    assert result["answer"] == "6"
    assert result["votes"] == {"6": 3, "7": 1, "8": 1}


def test_a_tree_is_proposed_judged_and_concluded(lab: Lab) -> None:
    lab.server.reply('{"thoughts": ["Take them away."]}')
    lab.server.reply('{"verdict": "sure"}')
    lab.server.reply('{"answer": "6"}')
    result = tree_of_thought(lab.model(), breadth=1, depth=1).invoke("10 less 4?")
    assert (result["answer"], result["thoughts"]) == ("6", ["Take them away."])
    assert result["usage"]["model_calls"] == len(lab.bodies) == 3


def test_what_a_provider_refuses_is_an_error_of_its_own(lab: Lab) -> None:
    lab.server.fail(429, "slow down")
    for chain in (
        validated(asks(lab.model()), schema=Person),
        self_consistency(chain_of_thought(lab.model(), answer="number"), n=3),
    ):
        with pytest.raises(RateLimited):
            chain.invoke("Who?")
