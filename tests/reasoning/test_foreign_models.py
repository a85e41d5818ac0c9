"""Chat models of other packages: their parsers are not trusted, and what is around them stays."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import JsonOutputParser, StrOutputParser
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import BaseModel, Field

from agentlab import sequential
from agentlab.errors import ConfigError, GrammarError, InvalidOutput
from agentlab.models._structured import was_cut
from agentlab.reasoning import (
    chain_of_thought,
    fill_in,
    second_look,
    self_consistency,
    tree_of_thought,
    validated,
)
from tests.reasoning.conftest import asks, says


class Person(BaseModel):
    """A person."""

    name: str = Field(max_length=12)
    age: int = Field(le=150)


PERSON = {
    "title": "person",
    "description": "A person.",
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "maximum": 150}},
    "required": ["name", "age"],
}


BARE = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


class Fieldless(BaseChatModel):
    """A model with tools and LangChain's own structured output, and no settings."""

    replies: list[Any]
    seen: list[Any] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "foreign"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(tools=tools, **kwargs)

    def _generate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        self.seen.append(kwargs)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return ChatResult(generations=[ChatGeneration(message=reply)])


class Foreign(Fieldless):
    """One with a temperature."""

    temperature: float | None = None


def foreign(*replies: Any) -> Foreign:
    return Foreign(replies=list(replies), seen=[])


def calls(args: Any, name: str = "Person", **metadata: Any) -> AIMessage:
    call = {"name": name, "args": args, "id": "1"}
    return AIMessage("", tool_calls=[call], response_metadata=metadata)


@pytest.mark.parametrize("schema", [Person, PERSON])
@pytest.mark.parametrize(
    "reply",
    [
        AIMessage("Ada is 41."),
        calls({"name": "Ada", "age": 200}),
        calls({"name": "Ada"}),
        calls({"name": "Ada", "age": 41}, stop_reason="max_tokens"),
    ],
)
def test_what_is_no_answer_is_refused_and_asked_for_again(schema: Any, reply: AIMessage) -> None:
    right = calls({"name": "Ada", "age": 41})
    found = validated(asks(foreign(reply, right)), schema=schema).invoke("Who?")
    assert (found.model_dump() if isinstance(found, Person) else found) == {
        "name": "Ada",
        "age": 41,
    }
    with pytest.raises(InvalidOutput, match="no answer of 1"):
        validated(asks(foreign(reply)), schema=schema, retries=0).invoke("Who?")


@pytest.mark.parametrize(
    "made",
    [
        lambda model: validated(asks(model), choices=["a", "b"], retries=0),
        lambda model: chain_of_thought(model, answer="number"),
        lambda model: fill_in(model, "a [[hole]]"),
        lambda model: tree_of_thought(model, breadth=1, depth=1),
        lambda model: validated(asks(says("x")), rules=[second_look(model, "Is it?")], retries=0),
    ],
)
def test_prose_in_place_of_a_tool_call_is_a_typed_error(made: Any) -> None:
    with pytest.raises(InvalidOutput):
        made(foreign(AIMessage("I think it is a."))).invoke("q")


@pytest.mark.parametrize(
    "metadata",
    [
        {"finish_reason": "length"},
        {"finish_reason": "MAX_TOKENS"},
        {"stop_reason": "max_tokens"},
        {"done_reason": "length"},
        {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
    ],
)
def test_a_cut_has_many_names(metadata: Any) -> None:
    assert was_cut(AIMessage("", response_metadata=metadata))
    assert not was_cut(AIMessage("", response_metadata=dict.fromkeys(metadata, "stop")))
    thought = {"thought": "10 - 4", "answer": "6"}
    with pytest.raises(InvalidOutput, match="cut before its end"):
        chain_of_thought(foreign(calls(thought, "thinking", **metadata))).invoke("q")


def cut(text: str) -> dict[str, Any]:
    return {"say": text, "finish": "length"}


def test_a_parser_behind_the_model_hides_no_cut() -> None:
    half = '{"name": "Ada", "age": 4'
    chain = asks(says(cut(half), '{"name": "Ada", "age": 41}')) | JsonOutputParser()
    assert validated(chain, schema=PERSON).invoke("q") == {"name": "Ada", "age": 41}
    for parser in (StrOutputParser(), StrOutputParser() | str.upper):
        with pytest.raises(InvalidOutput, match="cut before its end"):
            validated(asks(says(cut("12"))) | parser, regex="[0-9]+", retries=0).invoke("q")
    for step in (asks(says(cut("12"))), asks(says(cut("12"))) | StrOutputParser()):
        with pytest.raises(InvalidOutput, match="cut before its end"):
            validated(sequential(a=step), regex="[0-9]+", retries=0).invoke("q")


@pytest.mark.parametrize(
    "around",
    [
        lambda chain: chain.with_retry(stop_after_attempt=1),
        lambda chain: chain.with_config(tags=["mine"]),
        lambda chain: chain.with_fallbacks([chain]),
        lambda chain: chain.with_config(tags=["mine"]).with_fallbacks([chain]),
    ],
)
def test_what_is_around_a_chain_hides_no_cut(around: Any) -> None:
    for made in (
        lambda: around(asks(says(cut("12"), cut("12"))) | StrOutputParser()),
        lambda: around(asks(says(cut("12"), cut("12")))) | StrOutputParser(),
        lambda: around(asks(says(cut("12"), cut("12"))) | StrOutputParser()) | str.strip,
        lambda: sequential(a=around(asks(says(cut("12"), cut("12"))))),
        lambda: sequential(a=around(asks(says(cut("12"), cut("12"))) | StrOutputParser())),
    ):
        with pytest.raises(InvalidOutput, match="cut before its end"):
            validated(made(), regex="[0-9]+", retries=0).invoke("q")


def test_an_answer_after_a_cut_one_is_taken_where_a_chain_is_tried_again() -> None:
    chain = asks(says(cut("12"), "120")) | StrOutputParser()
    assert (
        validated(
            chain.with_retry(wait_exponential_jitter=False), regex="[0-9]+", retries=0
        ).invoke("q")
        == "120"
    )


@pytest.mark.parametrize(
    ("made", "reply"),
    [
        (
            lambda model: chain_of_thought(model.bind(top_k=3, temperature=0.5)),
            calls({"thought": "t", "answer": "6"}, "thinking"),
        ),
        (
            lambda model: self_consistency(chain_of_thought(model.bind(top_k=3)), n=1),
            calls({"thought": "t", "answer": "6"}, "thinking"),
        ),
        (
            lambda model: validated(asks(model.bind(top_k=3)), schema=BARE),
            calls({"a": 1}, "answer"),
        ),
    ],
)
def test_settings_that_a_model_has_no_field_for_go_to_its_calls(made: Any, reply: Any) -> None:
    model = Fieldless(replies=[reply], seen=[])
    made(model).invoke("q")
    assert model.seen[0]["top_k"] == 3
    assert "tools" in model.seen[0]


def test_a_temperature_without_a_field_is_no_error() -> None:
    yes = calls({"verdict": "yes"}, "verdict")
    model = Fieldless(replies=[yes], seen=[])
    rule = second_look(model, "Is it?")
    assert validated(asks(says("x")), rules=[rule]).invoke("q") == "x"
    assert model.seen[0]["temperature"] == 0.0
    tree_of_thought(model)


def test_a_cut_answer_is_no_vote_behind_a_parser() -> None:
    for parser in (StrOutputParser(), JsonOutputParser()):
        chain = asks(says(cut("12"), "120", "120")) | parser
        result = self_consistency(chain, n=3, early_stop=False, together=1).invoke("q")
        assert result["votes"] == {"120": 2}
        assert result["paths"][0]["vote"] is None
    steps = sequential(a=asks(says(cut("12"), "120", "120")))
    result = self_consistency(steps, n=3, early_stop=False, together=1).invoke("q")
    assert result["votes"] == {"120": 2}


def test_tries_and_settings_around_a_model_stay() -> None:
    right = calls({"name": "Ada", "age": 41})
    flaky = foreign(OSError("no line"), right)
    retried = flaky.bind(temperature=0.5).with_retry(wait_exponential_jitter=False)
    assert validated(asks(retried), schema=Person).invoke("q") == Person(name="Ada", age=41)
    assert len(flaky.seen) == 2
    noted: list[Any] = []

    class Note(BaseCallbackHandler):
        def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
            noted.append(kwargs["tags"])

    named = foreign(right).with_config(tags=["mine"], callbacks=[Note()])
    validated(asks(named), schema=Person).invoke("q")
    assert len(noted) == 1
    assert "mine" in noted[0]


def test_a_model_may_have_others_to_fall_back_on() -> None:
    thought = {"thought": "10 - 4", "answer": "6"}
    model = foreign(OSError("no line")).with_fallbacks([says(thought)])
    assert chain_of_thought(model).invoke("q")["answer"] == "6"
    again = foreign(OSError("no line")).with_fallbacks([says({"name": "Ada", "age": 41})])
    assert validated(asks(again), schema=Person).invoke("q").age == 41


@pytest.mark.parametrize("schema", [int, "person.json", {"type": "nonsense"}, 5])
def test_a_wrong_schema_is_told_when_it_is_given(schema: Any) -> None:
    with pytest.raises((ConfigError, GrammarError), match="schema"):
        validated(asks(says("x")), schema=schema)


def test_a_schema_without_a_title_gets_one() -> None:
    chain = validated(asks(foreign(calls({"a": 1}, "answer"))), schema=BARE)
    assert chain.invoke("q") == {"a": 1}
