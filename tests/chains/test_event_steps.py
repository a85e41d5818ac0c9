"""Steps that stream events: agents, and answers from documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableGenerator

from agentlab import Chain, create_agent, parallel, sequential
from agentlab.chains import aevents_of, events_of
from agentlab.events import Answer, Event, Retrieved, StepFinished, Token, ToolCall, Usage
from agentlab.models.scripted import ScriptedChatModel
from agentlab.rag import create_rag

KINDS = [sequential, parallel]
GIVEN = {"input": "When does the pump run?"}


class Shelf(BaseRetriever):
    """Finds one document."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document("The pump runs at night.", id="p")]


def agent() -> Runnable[Any, Any]:
    call = {"tool_calls": [{"name": "calculator", "args": {"expression": "1 + 1"}}]}
    return create_agent(ScriptedChatModel(replies=[call, "It is 2."]), ["calculator"])


def rag() -> Runnable[Any, Any]:
    said = {"sentences": [{"text": "The pump runs at night.", "sources": [1]}]}
    return create_rag(ScriptedChatModel(replies=[json.dumps(said)]), Shelf())


TEXTS = [(agent, "It is 2."), (rag, "The pump runs at night [1].")]


def of(kind: type, events: list[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def added(chunks: list[Any]) -> Any:
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole = whole + chunk
    return whole


@pytest.mark.parametrize("chain", KINDS)
@pytest.mark.parametrize(("make", "text"), TEXTS)
async def test_the_value_is_the_result_however_it_is_run(
    chain: Callable[..., Chain], make: Callable[[], Any], text: str
) -> None:
    def made() -> Chain:
        return chain(step=make())

    values = [
        made().invoke(GIVEN),
        await made().ainvoke(GIVEN),
        added(list(made().stream(GIVEN))),
        added([chunk async for chunk in made().astream(GIVEN)]),
        list(made().events(GIVEN))[-1].value,  # type: ignore[attr-defined]
        [event async for event in made().aevents(GIVEN)][-1].value,  # type: ignore[attr-defined]
        added(list(chain(outer=made()).stream(GIVEN)))["outer"],
    ]
    assert [value["step"]["answer"] for value in values] == [text] * len(values)
    assert [[m.text for m in v["step"]["messages"]][-1] for v in values] == [text] * len(values)


@pytest.mark.parametrize("chain", KINDS)
@pytest.mark.parametrize(("make", "text"), TEXTS)
async def test_events_pass_through_under_the_steps_name(
    chain: Callable[..., Chain], make: Callable[[], Any], text: str
) -> None:
    for events in (
        list(chain(step=make()).events(GIVEN)),
        [event async for event in chain(step=make()).aevents(GIVEN)],
    ):
        tokens = of(Token, events)
        assert {token.step for token in tokens} == {"step"}
        assert "".join(token.text for token in tokens) == text
        assert len(of(ToolCall, events) + of(Retrieved, events)) == 1
        assert [len(of(kind, events)) for kind in (Usage, StepFinished, Answer)] == [1, 1, 1]


@pytest.mark.parametrize(("make", "text"), TEXTS)
async def test_alone(make: Callable[[], Any], text: str) -> None:
    for events in (
        list(events_of(make(), GIVEN)),
        [event async for event in aevents_of(make(), GIVEN)],
    ):
        assert "".join(token.text for token in of(Token, events)) == text
        assert len(of(Usage, events)) == 1
        assert events[-1].value["answer"] == text  # type: ignore[attr-defined]
    events = list(events_of(make(), GIVEN, stream=False))
    assert not of(Token, events)
    assert events[-1].value["answer"] == text  # type: ignore[attr-defined]


def test_a_later_step_is_given_the_result() -> None:
    chain = sequential(found=rag(), n=lambda values: len(values["found"]["citations"]))
    assert list(chain.events(GIVEN))[-1].value["n"] == 1  # type: ignore[attr-defined]


def test_an_answer_that_is_a_text_is_streamed_too() -> None:
    class Speaker(Runnable[Any, Any]):
        def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> str:
            return "Good night."

        def stream(self, input: Any, config: Any = None, **kwargs: Any) -> Iterator[Any]:
            yield Token("Good ")
            yield Token("night.")
            yield Answer("Good night.")

    chain = sequential(said=Speaker())
    assert added(list(chain.stream(GIVEN))) == chain.invoke(GIVEN)
    assert added(list(chain.stream(GIVEN)))["said"] == "Good night."


def test_what_was_found_is_told_once_beside_other_steps() -> None:
    def words(values: Iterator[Any]) -> Iterator[str]:
        list(values)
        for _ in range(300):
            yield "word "

    events = list(parallel(a=rag(), b=RunnableGenerator(words), c=rag()).events(GIVEN))
    assert [found.query for found in of(Retrieved, events)] == [GIVEN["input"]] * 2


def test_the_same_question_to_a_retriever_and_an_answer_is_told_twice() -> None:
    search: Any = (lambda values: values["input"]) | Shelf()
    events = list(sequential(found=search, answer=rag()).events(GIVEN))
    assert len(of(Retrieved, events)) == 2
