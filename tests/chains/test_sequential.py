"""Steps in order: what comes out, in every way of running them."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from pydantic import BaseModel

from agentlab import Chain, parallel, sequential
from agentlab.errors import ChainError, ModelError, StreamInterrupted
from agentlab.events import (
    Answer,
    Event,
    Failed,
    StepFinished,
    StepStarted,
    Token,
    Usage,
)
from tests.chains.conftest import STORY, added_up, ask, gathered, says


def twice(text: str) -> list[dict[str, Any]]:
    return [{"say": text, "repeat": True}]


def test_the_output_is_the_input_and_each_steps_text(story: Chain) -> None:
    assert story.invoke({"summary": "a girl"}) == STORY


def test_each_step_sees_all_earlier_ones() -> None:
    seen: list[dict[str, Any]] = []
    chain = sequential(
        a=lambda values: seen.append(dict(values)) or "A",
        b=lambda values: seen.append(dict(values)) or "B",
    )
    chain.invoke({"x": 1})
    assert seen == [{"x": 1}, {"x": 1, "a": "A"}]


def test_the_input_is_not_changed(story: Chain) -> None:
    given = {"summary": "a girl"}
    story.invoke(given)
    assert given == {"summary": "a girl"}


def test_a_bare_string_stands_for_the_only_variable(story: Chain) -> None:
    assert story.variables == ("summary",)
    assert story.invoke("a girl") == STORY


async def test_async_gives_the_same(story: Chain) -> None:
    assert await story.ainvoke("a girl") == STORY


def test_the_streamed_chunks_add_up_to_the_output(story: Chain) -> None:
    chunks = list(story.stream("a girl"))
    assert chunks[0] == {"summary": "a girl"}
    assert chunks[1:4] == [{"title": "The"}, {"title": " Lost"}, {"title": " Girl"}]
    assert added_up(chunks) == STORY


async def test_the_async_chunks_add_up_too(story: Chain) -> None:
    assert added_up([chunk async for chunk in story.astream("a girl")]) == STORY


def test_batch_keeps_the_order_of_the_inputs() -> None:
    replies = [{"when": {"last": f"n{i}"}, "say": f"answer {i}"} for i in range(6)]
    chain = sequential(answer=ask("{q}", *replies))
    got = chain.batch([f"n{i}" for i in range(6)])
    assert [value["answer"] for value in got] == [f"answer {i}" for i in range(6)]


async def test_abatch_keeps_the_order_of_the_inputs() -> None:
    replies = [{"when": {"last": f"n{i}"}, "say": f"answer {i}"} for i in range(6)]
    chain = sequential(answer=ask("{q}", *replies))
    got = await chain.abatch([f"n{i}" for i in range(6)])
    assert [value["answer"] for value in got] == [f"answer {i}" for i in range(6)]


class Card(BaseModel):
    name: str


@pytest.mark.parametrize("value", [{"a": 1}, ["x", "y"], Card(name="Ann"), 3, None, False, ""])
def test_a_value_that_is_not_text_is_kept(value: Any) -> None:
    chain = sequential(made=lambda _: value)
    assert chain.invoke({}) == {"made": value}
    assert added_up(list(chain.stream({}))) == {"made": value}


def test_structured_output_is_kept() -> None:
    step = ChatPromptTemplate.from_template("{q}") | says(
        {"say": '{"name": "Ann"}', "repeat": True}
    ).with_structured_output(Card)
    assert sequential(card=step).invoke("x")["card"] == Card(name="Ann")
    assert added_up(sequential(card=step).stream("x"))["card"] == Card(name="Ann")


def test_partial_json_is_replaced_not_added() -> None:
    from langchain_core.output_parsers import JsonOutputParser

    step = ask("{q}", '{"name": "Ann Lee", "age": 3}') | JsonOutputParser()
    assert added_up(list(sequential(card=step).stream("x")))["card"] == {
        "name": "Ann Lee",
        "age": 3,
    }


def test_it_composes_with_langchain_on_both_sides(story: Chain) -> None:
    before = RunnableLambda(lambda text: {"summary": text})
    whole = before | story | RunnablePassthrough.assign(loud=lambda v: v["title"].upper())
    assert whole.invoke("a girl") == {**STORY, "loud": "THE LOST GIRL"}


def test_chains_join_with_a_bar() -> None:
    both = sequential(a=ask("{q}", *twice("A1"))) | sequential(b=ask("{a}", *twice("B1")))
    assert both.invoke("x") == {"q": "x", "a": "A1", "b": "B1"}
    assert added_up(list(both.stream({"q": "x"}))) == {"q": "x", "a": "A1", "b": "B1"}


def test_a_dict_of_steps_runs_as_one_step() -> None:
    chain = sequential(views={"up": lambda v: v["q"].upper(), "low": lambda v: v["q"].lower()})
    assert chain.invoke({"q": "Aa"})["views"] == {"up": "AA", "low": "aa"}


def test_chains_nest() -> None:
    def chain() -> Chain:
        return sequential(
            draft=sequential(title=ask("{summary}", "One two")), end=ask("{draft}", "End")
        )

    expected = {
        "summary": "s",
        "draft": {"summary": "s", "title": "One two"},
        "end": "End",
    }
    assert chain().variables == ("summary",)
    assert chain().invoke("s") == expected
    assert added_up(list(chain().stream("s"))) == expected
    steps = [e.step for e in chain().events("s") if isinstance(e, StepStarted)]
    assert steps == ["draft", "draft/title", "end"]


def test_a_step_can_be_run_alone(story: Chain) -> None:
    assert story["character"].invoke({"title": "T"}).text == "Ann, a girl"
    assert list(story.steps) == ["title", "character", "length"]


def test_sub_chains(story: Chain) -> None:
    assert list(story.until("character").steps) == ["title", "character"]
    alone = story.only("length", "character")
    assert list(alone.steps) == ["character", "length"]
    assert alone.variables == ("title",)
    assert alone.invoke({"title": "T"}) == {"title": "T", "character": "Ann, a girl", "length": 1}


@pytest.mark.parametrize("use", [lambda c: c["titel"], lambda c: c.until("titel")])
def test_an_unknown_step_names_the_nearest(story: Chain, use: Any) -> None:
    with pytest.raises(ChainError, match="no step 'titel'") as caught:
        use(story)
    assert "did you mean 'title'" in caught.value.hint


def test_events_tell_what_happens(story: Chain) -> None:
    events = list(story.events("a girl"))
    assert events[:5] == [
        StepStarted("title"),
        Token("The", "title"),
        Token(" Lost", "title"),
        Token(" Girl", "title"),
        StepFinished("title", "The Lost Girl"),
    ]
    usage, answer = events[-2:]
    assert isinstance(usage, Usage)
    assert (usage.model_calls, usage.input_tokens, usage.output_tokens) == (2, 3 + 4, 3 + 3)
    assert answer == Answer(STORY)


async def test_async_events_are_the_same(story: Chain) -> None:
    def told(events: list[Event]) -> list[Event]:
        return [event for event in events if not isinstance(event, Usage)]

    twin = sequential(
        title=ask("title: {summary}", "The Lost Girl"),
        character=ask("character: {title}", "Ann, a girl"),
        length=lambda values: len(values["title"]),
    )
    got = [event async for event in twin.aevents("a girl")]
    assert told(got) == told(list(story.events("a girl")))


def test_an_error_is_told_and_raised() -> None:
    chain = sequential(a=ask("{q}", {"when": {"last": "other"}, "say": "A"}))
    events, error = gathered(chain.events("x"))
    assert isinstance(error, ModelError)
    assert isinstance(events[-1], Failed)
    assert (events[-1].error, events[-1].message) == ("ModelError", str(error))
    assert events[-1].hint == error.hint


def test_the_partial_text_is_kept_after_an_error() -> None:
    chain = sequential(a=ask("{q}", {"say": "half an answer", "error": "timeout"}))
    events, error = gathered(chain.events("x"))
    assert isinstance(error, StreamInterrupted)
    assert events[-1].partial == "half an answer"


class Names(BaseCallbackHandler):
    def __init__(self) -> None:
        self.started: list[tuple[str, tuple[str, ...]]] = []

    def on_chain_start(self, *args: Any, **kwargs: Any) -> None:
        self.started.append((kwargs["name"], tuple(kwargs["tags"] or ())))


@pytest.mark.parametrize("run", [lambda c, i, k: c.invoke(i, k), lambda c, i, k: [*c.stream(i, k)]])
def test_callbacks_and_tags_reach_the_steps_under_their_names(story: Chain, run: Any) -> None:
    names = Names()
    run(story, "a girl", {"callbacks": [names], "tags": ["mine"], "run_name": "whole"})
    started = dict(names.started)
    assert [name for name in started if name in {"whole", *story.steps}] == ["whole", *story.steps]
    assert "mine" in started["title"]
    assert "step:title" in started["title"]


async def test_langchains_own_events_see_the_chunks(story: Chain) -> None:
    chunks = [
        event["data"]["chunk"]
        async for event in story.astream_events("a girl", version="v2")
        if event["event"] == "on_chain_stream" and event["name"] == "Sequential"
    ]
    assert added_up(chunks) == STORY


def test_steps_may_use_different_models_and_parameters() -> None:
    def step(template: str, *replies: Any, **parameters: Any) -> Any:
        return ChatPromptTemplate.from_template(template) | says(*replies).bind(**parameters)

    chain = sequential(
        a=step("{q}", "one two three"),
        b=step("{a}", "four five six", max_tokens=2),
        c=step("{b}", "seven eight nine", stop=["nine"]),
    )
    assert chain.invoke("x") == {
        "q": "x",
        "a": "one two three",
        "b": "four five",
        "c": "seven eight ",
    }


def test_an_argument_for_a_model_is_refused(story: Chain) -> None:
    with pytest.raises(ChainError, match="no argument 'temperature'"):
        story.bind(temperature=0).invoke("a girl")


def test_it_shows_its_steps(story: Chain) -> None:
    assert repr(story) == "sequential(title=…, character=…, length=…)"
    assert repr(parallel(a=len)) == "parallel(a=…)"


def test_its_schema_and_graph_can_be_asked_for(story: Chain) -> None:
    assert story.get_input_schema().model_json_schema()
    assert story.get_graph().nodes
