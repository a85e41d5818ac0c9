"""Checked answers: what is refused, what the model is told, what comes back."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel, Field

from agentlab import handling, load_prompt, sequential
from agentlab.boundary import Handler
from agentlab.errors import ConfigError, GrammarError, InvalidOutput
from agentlab.events import Considered
from agentlab.reasoning import (
    forbidden_words,
    matches,
    max_words,
    personal_data,
    second_look,
    validated,
)
from tests.reasoning.conftest import asks, plain, says


class Person(BaseModel):
    name: Annotated[str, Field(max_length=12)]
    age: Annotated[int, Field(ge=0, le=150)]


ADA = {"name": "Ada", "age": 41}


class Seen(Handler):
    """The messages of each model call."""

    def __init__(self) -> None:
        self.messages: list[list[Any]] = []

    def call(self, call: Any, proceed: Any) -> Any:
        if call.kind == "model":
            self.messages.append(call.arguments["messages"])
        return proceed()


def test_a_right_answer_is_the_value() -> None:
    assert validated(asks(says(ADA)), schema=Person).invoke("who?") == Person(name="Ada", age=41)
    assert validated(asks(says("yes")), regex="yes|no").invoke("q") == "yes"
    assert validated(asks(says({"choice": "no"})), choices=["yes", "no"]).invoke("q") == "no"
    assert validated(asks(says("YES")), regex=re.compile("yes|no", re.IGNORECASE)).invoke("q")
    assert validated(asks(plain("no")), choices=["yes", "no"]).invoke("q") == "no"
    assert validated(asks(plain(json.dumps(ADA))), schema=Person).invoke("q").age == 41


def test_a_wrong_one_is_asked_for_again_with_exactly_what_is_wrong() -> None:
    seen = Seen()
    chain = validated(asks(says({**ADA, "age": 200}, ADA)), schema=Person)
    with handling(seen):
        events = list(chain.stream("who?"))
    refused = [e for e in events if isinstance(e, Considered)]
    assert refused[0].kind == "refused"
    assert "less than or equal to 150" in refused[0].detail["problems"][0]
    first, second = seen.messages
    assert [m.type for m in second] == ["human", "ai", "human"]
    assert second[0] == first[0]
    assert json.loads(second[1].text)["age"] == 200
    assert "age: input should be less than or equal to 150" in second[2].text


def test_it_gives_up_with_the_last_answer_and_the_reason() -> None:
    chain = validated(asks(says("maybe", "perhaps")), regex="yes|no", retries=1)
    with pytest.raises(InvalidOutput, match=r"no answer of 2 .*does not match yes\|no") as caught:
        chain.invoke("q")
    assert caught.value.text == "perhaps"


@pytest.mark.parametrize("form", [{"schema": Person}, {"regex": ".*"}, {"choices": ["{"]}])
def test_what_was_cut_is_never_accepted(form: dict[str, Any]) -> None:
    cut = {"say": json.dumps(ADA), "finish": "length"}
    with pytest.raises(InvalidOutput, match="cut before its end"):
        validated(asks(says(cut)), retries=0, **form).invoke("q")
    half = {"say": '{"name": "Ada", "age"', "finish": "stop"}
    if "schema" in form:
        with pytest.raises(InvalidOutput, match="not JSON"):
            validated(asks(says(half)), retries=0, **form).invoke("q")


async def test_rules_and_a_second_look_are_checks_like_the_others() -> None:
    seen = Seen()
    judge = says({"verdict": "no"}, {"verdict": "yes"})
    polite = second_look(judge, "Is it polite?")
    rules = [forbidden_words(["stupid"]), max_words(4), polite]
    chain = validated(asks(says("You stupid thing", "Go away", "Please come in")), rules=rules)
    with handling(seen):
        assert chain.invoke("greet") == "Please come in"
    asked = [messages[-1].text for messages in seen.messages]
    assert "the forbidden word 'stupid'" in asked[1]
    assert "a second look answered no to: Is it polite?" in asked[3]
    assert '<untrusted source="answer">' in asked[2]
    again = validated(
        asks(says("Go away", "Please come in")),
        rules=[second_look(says({"verdict": "no"}, {"verdict": "yes"}), "Is it polite?")],
    )
    assert await again.ainvoke("greet") == "Please come in"


class Advert(BaseModel):
    text: str
    to: list[str] = []
    phone: int = 0


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ('{"text": "Buy now\\ncheap"}', forbidden_words(["cheap"])),
        ('{"text": "x", "to": ["ada\\u0040gull-rock.example.org"]}', personal_data("email")),
        ('{"text": "x", "phone": 442079460958}', matches("(?s).*phone: 0.*")),
    ],
)
def test_rules_are_given_what_a_structured_answer_says_not_how_json_writes_it(
    said: str, rule: Any
) -> None:
    with pytest.raises(InvalidOutput, match="no answer of 1") as caught:
        validated(asks(says(said)), schema=Advert, rules=[rule], retries=0).invoke("q")
    assert caught.value.text == said
    fine = '{"text": "Buy a quiet bell"}'
    assert validated(asks(says(fine)), schema=Advert, rules=[rule]).invoke("q").text


def test_a_seed_that_is_bound_is_another_one_when_asked_again() -> None:
    seeds = []

    def note(message: Any) -> str:
        seeds.append(message.response_metadata["seed"])
        return str(message.text)

    chain = asks(says("no", "no", "yes").bind(seed=7)) | note
    assert validated(chain, regex="yes").invoke("q") == "yes"
    assert seeds == [7, 8, 9]


def test_a_chain_without_a_model_at_its_end_is_run_again() -> None:
    answers = iter([{"name": "A", "age": "x"}, ADA])
    chain = validated(RunnableLambda(lambda _: next(answers)), schema=Person)
    assert chain.invoke("q") == Person(**ADA)
    steps = sequential(a=asks(says("no", "fine")))
    assert validated(steps, regex="fine").invoke("q") == "fine"


def test_a_model_that_can_be_held_to_nothing_is_told_the_form() -> None:
    seen = Seen()
    from agentlab import recordable

    with handling(seen):
        validated(asks(recordable(plain("a"))), choices=["a", "b"]).invoke("q")
    assert seen.messages[0][0].text == "q\n\nAnswer with one of these only: a, b"


def test_a_second_look_needs_a_model_that_can_be_held_to_a_verdict() -> None:
    with pytest.raises(ConfigError, match="can be held to no form"):
        second_look(plain("yes"), "Is it polite?")


@pytest.mark.parametrize("schema", [{"type": "string"}, {"type": "array"}, {"type": "object"}])
def test_rules_see_a_structured_answer_without_the_escapes_of_json(schema: Any) -> None:
    said = {"string": "%s", "array": "[%s]", "object": '{"a": %s}'}[schema["type"]]
    model = plain(said % r'"It is ch\u0065ap."', said % '"It is fair."')
    chain = validated(asks(model), schema=schema, rules=[forbidden_words(["cheap"])])
    assert "fair" in str(chain.invoke("q"))


def test_it_is_a_step_and_a_part() -> None:
    chain = sequential(
        person=validated(asks(says(ADA)), schema=Person), year=lambda v: v["person"].age
    )
    assert chain.invoke({"input": "who?"})["year"] == 41
    assert (validated(asks(says("7")), regex="[0-9]") | int).invoke("q") == 7


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        ({}, ConfigError, "nothing to check"),
        ({"regex": "a", "choices": ["a"]}, ConfigError, "one form"),
        ({"regex": "("}, ConfigError, "does not compile"),
        ({"choices": "ab"}, ConfigError, "choices must be"),
        ({"choices": 5}, ConfigError, "choices must be"),
        ({"regex": 5}, ConfigError, "a regex is a text"),
        ({"rules": max_words(3)}, ConfigError, "rules is a list of rules"),
        ({"regex": "a", "retries": -1}, ConfigError, "retries"),
        ({"rules": ["no"]}, ConfigError, "a rule is a function"),
        ({"grammar": "root ::= 1"}, ConfigError, "follows no grammar"),
    ],
)
def test_wrong_arguments(arguments: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        validated(asks(says("a")), **arguments)


def test_a_message_is_taken_for_what_it_is() -> None:
    assert validated(says("a"), regex="a").invoke([AIMessage("x")]) == "a"
    with pytest.raises(ConfigError, match="reads a text or messages"):
        validated(says("a"), regex="a").invoke({"input": "q"})


@pytest.mark.model
def test_a_local_model_cannot_but_fit_and_is_asked_again_where_it_was_cut(
    smollm2: BaseChatModel,
) -> None:
    chain = validated(smollm2.model_copy(update={"max_tokens": 60}), schema=Person)
    assert isinstance(chain.invoke("Ada Wren is forty-one."), Person)
    short = validated(smollm2.model_copy(update={"max_tokens": 3}), schema=Person, retries=1)
    with pytest.raises(InvalidOutput, match="no answer of 2"):
        short.invoke("Ada Wren is forty-one.")
    prompt = load_prompt("reason/question")
    assert validated(prompt | smollm2, grammar='root ::= "a" | "b"').invoke("a or b?") in "ab"
    with pytest.raises(GrammarError):
        validated(smollm2, grammar="root ::= _x")


def test_spaces_at_the_edges_of_a_form_are_of_it() -> None:
    for text, form in ((" abc", {"regex": " [a-z]{3}"}), ("abc ", {"regex": "[a-z]{3}"})):
        assert validated(says(text), **form, retries=0).invoke("x").strip() == "abc"
    for text in (" yes", "yes\n"):
        assert validated(plain(text), choices=[" yes", " no"], retries=0).invoke("x") == " yes"


@pytest.mark.parametrize("nothing", [None, {}, []])
def test_rules_see_a_name_without_a_value(nothing: Any) -> None:
    schema = {"title": "t", "description": "d", "type": "object"}
    written = json.dumps({"a@b.de": nothing})
    with pytest.raises(InvalidOutput, match="email"):
        validated(says(written), schema=schema, rules=[personal_data()], retries=0).invoke("x")


@pytest.mark.model
def test_a_verbose_pattern_holds_local_models_too(smollm2: BaseChatModel) -> None:
    pattern = re.compile("a b  # two letters\n | [ #] d", re.VERBOSE)
    for form in (validated(smollm2, regex=pattern), validated(plain("ab"), regex=pattern)):
        assert form.invoke("Say ab.") in ("ab", " d", "#d")
