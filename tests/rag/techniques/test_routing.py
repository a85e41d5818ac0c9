"""Routing: by examples, by a model, by both; to indexes, chains and tools, or to none."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool

from agentlab import handling
from agentlab.errors import ConfigError
from agentlab.events import Warned
from agentlab.rag import create_rag
from agentlab.rag.techniques import MultiHop, Route, route
from agentlab.rag.techniques.control import Control
from agentlab.rag.techniques.examples import ExampleIndex
from agentlab.rag.techniques.hopping import PROMPT as HOP
from tests.rag.conftest import WordEmbeddings
from tests.rag.techniques.parts import Failing, Words, cited, saying

LEAVE = ["How many days of leave are there?", "Can leave be paid out?", "Who grants leave?"]
PUMP = ["When does the pump run?", "How is the pump reset?", "Where is the pump?"]
EXAMPLES = {"handbook": LEAVE, "house": PUMP}


def router(**options: Any) -> Any:
    routes = {name: Route(Words(), f"the {name}", texts) for name, texts in EXAMPLES.items()}
    return route({**routes, **options.pop("more", {})}, embeddings=WordEmbeddings(), **options)


@pytest.mark.parametrize(
    ("question", "taken"),
    [
        ("How is the pump reset now?", ("house",)),
        ("How many days of leave are there for me?", ("handbook",)),
        ("Sing blue elephants", ()),
    ],
)
def test_by_examples(question: str, taken: tuple[str, ...]) -> None:
    found = router().search(question)
    assert found.routes == taken
    assert bool(found.declined) == (not taken)
    assert bool(found.documents) == bool(taken)


def test_what_is_out_of_scope_is_said() -> None:
    routes = {name: Route(Words(), "", texts) for name, texts in EXAMPLES.items()}
    rag = create_rag(saying(), routes, techniques=[{"route": {"embeddings": WordEmbeddings()}}])
    result = rag.invoke("Sing blue elephants")
    assert result["answer"] == "The documents do not say."
    assert result["declined"] == "the question belongs to no route"
    assert result["usage"]["model_calls"] == 0


def test_the_threshold_is_set_on_questions_or_examples() -> None:
    assert router(threshold=0.99).threshold == 0.99
    one, other = router(kept=0.5).threshold, router(kept=1.0).threshold
    assert 0 < other <= one <= 1
    assert router(calibration=["the pump"], kept=1.0).threshold != other


def test_a_model_chooses_out_of_the_names() -> None:
    model = saying({"routes": ["house"]}, {"routes": ["out_of_scope"]}, {"routes": ["root"]})
    chosen = router(model=model, by="model")
    assert chosen.search("x").routes == ("house",)
    assert chosen.search("x").routes == ()
    events = list(chosen.stream("x"))  # a name that is none is never taken
    assert any(isinstance(event, Warned) for event in events)
    assert events[-1].value.routes == ()  # type: ignore[attr-defined]


def test_both_asks_the_model_only_in_doubt() -> None:
    chosen = router(model=saying({"routes": ["handbook"]}), by="both", margin=0.05)
    assert (
        chosen.search("How is the pump reset?").plan["children"][0]["note"].startswith("house (sim")
    )
    assert chosen.search("Sing blue elephants").routes == ("handbook",)


def test_with_examples_a_model_is_asked_only_when_told_to() -> None:
    chosen = router(model=saying(), margin=2)  # it would fail
    assert chosen.search("How is the pump reset?").routes == ("house",)


def test_when_the_model_fails_the_examples_decide() -> None:
    chosen = router(model=saying(), by="both", margin=2)
    with handling(Failing("model", 1)):
        assert chosen.search("How is the pump reset?").routes == ("house",)


def test_several_routes_at_once() -> None:
    model = saying({"routes": ["handbook", "house"]})
    found = router(model=model, by="model", most=2).search("pump leave employee")
    assert found.routes == ("handbook", "house")
    assert len({d.id for d in found.documents}) == len(found.documents) > 0


@tool
def order_state(number: str) -> str:
    """The state of an order."""
    return f"shipped: {number}"


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        (order_state, "shipped: Sing blue elephants"),
        (lambda question: f"told {question}", "told Sing blue elephants"),
        (RunnableLambda(lambda question: {"answer": "yes"}), "yes"),
        (saying({"say": "Hello.", "repeat": True}), "Hello."),
    ],
)
def test_targets_that_answer(target: Any, answer: str) -> None:
    more = {"more": Route(target, "", ["Sing blue elephants", "Sing green elephants"])}
    found = router(more=more).search("Sing blue elephants")
    assert (found.answer, found.routes, found.documents) == (answer, ("more",), [])
    result = create_rag(saying(), router(more=more)).invoke("Sing blue elephants")
    assert result["answer"] == result["messages"][-1].text == answer
    assert result["citations"] == []


def test_a_route_can_refuse() -> None:
    more = {"abuse": Route("refuse", "", ["Sing blue elephants", "Sing elephants"])}
    found = router(more=more).search("Sing blue elephants")
    assert found.declined == "the question is refused by 'abuse'"


def test_a_route_to_an_answer_from_documents() -> None:
    model = saying(cited("The pump runs at night.", 1))
    rag = create_rag(model, router())
    assert rag.invoke("How is the pump reset at night?")["answer"] == "The pump runs at night [1]."


def test_the_examples_that_stand_for_the_others() -> None:
    texts = ["pump red", "pump red button", "pump red reset", "blue sky"]
    kept = ExampleIndex({"a": texts}, WordEmbeddings(), 2)
    assert kept.kept == {"a": ["pump red", "blue sky"]}
    assert kept.read("blue sky").nearest == pytest.approx(1, abs=1e-3)


def test_of_routes_as_near_the_one_with_more_examples_near_is_first() -> None:
    examples = {
        "leave": ["leave here", "pump rules", "sickness told"],
        "house": ["boiler there", "pump runs", "pump stands"],
    }
    read = ExampleIndex(examples, WordEmbeddings()).read("pump")
    house, leave = read.guesses
    assert house.similarity == pytest.approx(leave.similarity, abs=1e-3)
    assert (house.name, house.score > leave.score + 0.05) == ("house", True)


def test_a_route_of_few_examples_is_found_beside_one_of_many() -> None:
    many = [f"the pump {word} runs" for word in ("red", "blue", "old", "new", "big", "wet", "far")]
    index = ExampleIndex({"pump": many, "leave": ["the leave"]}, WordEmbeddings())
    assert index.read("the leave please").guesses[0].name == "leave"


def test_what_is_near_a_question_of_the_log_is_in_scope() -> None:
    log = ["Do cats purr at night?", "Do cats purr at noon?", "Do cats sleep?"]
    question = "Do cats purr at dawn?"
    assert router().choose(question) == []
    assert len(router(calibration=log).choose(question)) == 1
    # one that is there twice is no reason to ask for more
    assert router(calibration=[*log, *log]).threshold == router(calibration=log).threshold


def test_in_doubt_the_model_chooses_among_the_best_routes() -> None:
    more = {name: Route(Words(), "", [name * 3, name * 2]) for name in "bcdefg"}
    model = saying({"routes": ["house"]}, {"routes": ["e"]})
    chosen = router(model=model, by="both", margin=2, more=more)
    assert chosen.search("How is the pump reset?").routes == ("house",)
    told = list(chosen.stream("How is the pump reset?"))
    assert any(isinstance(event, Warned) for event in told)  # e was not offered


def test_an_example_that_is_there_twice_counts_once() -> None:
    twice = {name: [*texts, *(t.upper() for t in texts)] for name, texts in EXAMPLES.items()}
    one, other = ExampleIndex(EXAMPLES, WordEmbeddings()), ExampleIndex(twice, WordEmbeddings())
    assert other.threshold(0.95) == one.threshold(0.95) < 1
    assert other.kept == one.kept


def test_with_one_example_that_is_kept_the_others_set_the_threshold() -> None:
    index = ExampleIndex({"house": PUMP}, WordEmbeddings(), 1)
    assert index.threshold(1.0) > -1


def test_where_embeddings_are_away_the_model_is_asked() -> None:
    chosen = router(model=saying({"routes": ["house"]}), by="both")
    chosen._examples._embeddings = Away()
    events = list(chosen.stream("How is the pump reset?"))
    assert any(isinstance(event, Warned) for event in events)
    assert events[-1].value.routes == ("house",)  # type: ignore[attr-defined]
    alone = router()
    alone._examples._embeddings = Away()
    with pytest.raises(ConnectionError):
        alone.search("How is the pump reset?")


class Away(WordEmbeddings):
    """Embeddings of a service that is not there."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        raise ConnectionError("no connection")


def test_examples_are_embedded_beside_the_event_loop() -> None:
    threads: list[str] = []

    class Slow(WordEmbeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            threads.append(threading.current_thread().name)
            return super().embed_documents(texts)

    chosen = router()
    chosen._examples._embeddings = Slow()
    assert asyncio.run(chosen.asearch("How is the pump reset?")).routes == ("house",)
    assert threads
    assert threading.main_thread().name not in threads


@pytest.mark.parametrize("by", ["model", "both"])
def test_in_a_list_of_techniques_the_model_is_that_of_the_answer(by: str) -> None:
    routes = {name: Route(Words(), "", texts) for name, texts in EXAMPLES.items()}
    options = {"by": by, "embeddings": WordEmbeddings(), "margin": 9}
    rag = create_rag(saying({"routes": ["house"]}), routes, techniques=[{"route": options}])
    assert rag.retriever.search("How is the pump reset?").routes == ("house",)  # type: ignore[attr-defined]


def test_hops_over_routes_tell_them() -> None:
    hops = MultiHop(Control(saying({"fact": "", "queries": []}), HOP), router(), min_hops=1)
    assert hops.search("How is the pump reset?").routes == ("house",)


@pytest.mark.parametrize(
    ("routes", "options", "told"),
    [
        ({}, {}, "there are no routes"),
        ({"a": Route(Words())}, {}, "has no examples"),
        ({"a": Route(Words(), "", "one")}, {}, "must be a list"),
        ({"a": Route(3, "", LEAVE)}, {}, "cannot lead to a int"),
        ({"out_of_scope": Route(Words(), "", LEAVE)}, {}, "cannot be the name"),
        ({"a": Route(Words(), "", LEAVE)}, {"by": "luck"}, "no way 'luck'"),
        ({"a": Route(Words(), "", LEAVE)}, {"by": "both"}, "needs a model"),
        ({"a": Route(Words(), "", LEAVE)}, {"kept": 0}, "kept must be"),
        ({"a": Route(Words(), "", LEAVE)}, {"most": 0}, "most must be"),
        ({"a": Route(Words(), "", LEAVE)}, {"kept": "high"}, "kept must be"),
        ({"a": Route(Words(), "", LEAVE)}, {"threshold": "high"}, "threshold must be"),
        ({"a": Route(Words(), "", LEAVE)}, {"margin": "high"}, "margin must be"),
        ({"a": Route(Words(), "", LEAVE)}, {"keep": 0}, "keep must be"),
        ({"a": Route(Words(), "", LEAVE)}, {"calibration": "a log"}, "calibration must be"),
        ({"a": Route(Words(), "", LEAVE[:1])}, {}, "one example alone"),
    ],
)
def test_wrong_routes_are_told(routes: Any, options: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        route(routes, embeddings=WordEmbeddings(), **options)
