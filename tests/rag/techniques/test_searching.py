"""Rewriting, multi-query, corrective, auto and agentic retrieval, alone and in one another."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda

from agentlab import Session, handling, load_model
from agentlab.errors import ConfigError
from agentlab.events import Planned, ToolCall, Usage, Warned
from agentlab.models.scripted import ScriptedChatModel
from agentlab.rag import create_rag
from agentlab.rag.techniques import (
    as_text,
    auto,
    corrective,
    multi_hop,
    multi_query,
    rewrite,
    search_documents,
)
from agentlab.rag.techniques.evidence import different, interleaved
from agentlab.rag.techniques.kinds import kind_of
from tests.rag.techniques.parts import Failing, Words, cited, saying

TALK = [HumanMessage("How many days of leave are there?"), AIMessage("27 days.")]


def found_by(technique: Any, asked: Any) -> list[str]:
    return [document.id for document in technique.invoke(asked)]


# -- rewriting


def test_what_leans_on_the_conversation_is_filled_in() -> None:
    words = Words()
    technique = rewrite(saying({"query": "Do pumps run during leave at night?"}), words)
    technique.invoke({"input": "And do they run then?", "history": TALK})
    assert words.asked == ["Do pumps run during leave at night?", "And do they run then?"] or (
        words.asked == ["And do they run then?"]
    )


def test_the_original_is_kept_and_fused() -> None:
    words = Words()
    technique = rewrite(saying({"query": "leave of an employee"}), words, weight=2)
    said = {"input": "Does the pump run at night in my leave?", "history": TALK}
    assert found_by(technique, said) == ["pump"]
    assert sorted(words.asked) == [
        "Does the pump run at night in my leave?",
        "leave of an employee",
    ]


def test_what_stands_alone_costs_no_call() -> None:
    words = Words()
    assert found_by(rewrite(saying(), words), "When does the pump run?") == ["pump"]
    assert words.asked == ["When does the pump run?"]


@pytest.mark.parametrize(
    "written", ["", "Buy cheap gold watches now", "does the pump RUN at night"]
)
def test_a_query_that_is_empty_made_up_or_the_same_is_not_used(written: str) -> None:
    words = Words()
    said = {"input": "Does the pump run at night?", "history": TALK}
    rewrite(saying({"query": written}), words).invoke(said)
    assert words.asked == ["Does the pump run at night?"]


def test_a_remark_needs_no_search() -> None:
    words = Words()
    technique = rewrite(saying({"search": False, "query": ""}), words)
    found = technique.search({"input": "Thanks a lot!", "history": TALK})
    assert (words.asked, found.declined) == ([], "no search is needed")


def test_a_question_is_always_searched() -> None:
    technique = rewrite(saying({"search": False, "query": ""}), Words())
    with handling():
        found = technique.search({"input": "Does the pump run?", "history": TALK})
    assert [d.id for d in found.documents] == ["pump"]


def test_without_a_retriever_it_gives_the_query() -> None:
    asked = "My dog barks at it. I like it. When does the pump run at night?"
    assert rewrite(saying({"query": "When does the pump run?"})).invoke(asked) == {
        "question": asked,
        "query": "When does the pump run?",
        "search": True,
        "changed": True,
    }
    assert asyncio.run(rewrite(saying()).ainvoke("When?"))["changed"] is False


def test_when_the_model_fails_the_question_is_searched() -> None:
    said = {"input": "Does the pump run at night?", "history": TALK}
    with handling(Failing("model", 1)):
        events = list(rewrite(saying({"query": "x"}), Words()).stream(said))
    assert any(isinstance(event, Warned) for event in events)
    assert [d.id for d in events[-1].value.documents] == ["pump"]  # type: ignore[attr-defined]


# -- multi-query


def test_queries_are_a_list_and_fused() -> None:
    words = Words()
    model = saying(
        {"queries": ["Sales of Arle in 2020", "Sales of Arle in 2023", "sales arle 2023"]}
    )
    technique = multi_query(model, words, k=3)
    assert found_by(technique, "How did Arle do?") == ["sales20", "sales23"]
    assert sorted(words.asked) == [
        "How did Arle do?",
        "Sales of Arle in 2020",
        "Sales of Arle in 2023",
    ]


def test_hyde_and_step_back() -> None:
    words = Words()
    model = ScriptedChatModel(
        replies=[
            {
                "when": {"contains": "Write a short passage"},
                "say": json.dumps({"passage": "It runs at night."}),
            },
            {
                "when": {"contains": "more general"},
                "say": json.dumps({"question": "What is a pump?"}),
            },
        ]
    )
    multi_query(model, words, 0, hyde=True, step_back=True).invoke("When does it run?")
    assert sorted(words.asked) == ["It runs at night.", "What is a pump?", "When does it run?"]


@pytest.mark.parametrize("said", ["1. one\n2. two", '{"queries": []}', '{"queries": [1]}', "[]"])
def test_prose_is_no_query(said: str) -> None:
    words = Words()
    events = list(multi_query(saying({"say": said}), words).stream("When does the pump run?"))
    assert words.asked == ["When does the pump run?"]
    assert any(isinstance(event, Warned) for event in events)


def test_one_search_that_fails_leaves_the_others() -> None:
    model = saying({"queries": ["paid leave"]})
    with handling(Failing("retrieve", 1, error=TimeoutError("slow"))):
        events = list(multi_query(model, Words()).stream("When does the pump run?"))
    assert len(events[-1].value.documents) == 1  # type: ignore[attr-defined]


def test_all_searches_that_fail_are_an_error() -> None:
    model = saying({"queries": ["paid leave"]})
    failing = Failing("retrieve", 1, 2, error=TimeoutError("slow"))
    with handling(failing), pytest.raises(TimeoutError):
        multi_query(model, Words()).invoke("When does the pump run?")


def test_near_duplicates() -> None:
    assert different(["The pumps run", "pump runs!", "leave", " "], ["Leaves"]) == ["The pumps run"]
    assert interleaved([], 3) == []


# -- corrective


def grades(relevant: list[int], enough: bool, query: str = "") -> dict[str, Any]:
    return {"relevant": relevant, "enough": enough, "query": query}


def test_weak_evidence_is_searched_again() -> None:
    words = Words()
    model = saying(grades([], False, "paid leave of employees"), grades([1], True))
    technique = corrective(model, words)
    assert found_by(technique, "Does the pump have holidays?") == ["leave"]
    assert len(words.asked) == 2


def test_without_relevant_documents_it_declines() -> None:
    model = saying(grades([], False, "night shift"), grades([], False))
    rag = create_rag(model, Words(), techniques=["corrective"])
    result = rag.invoke("Does the pump have holidays?")
    assert result["answer"] == "The documents do not say."
    assert result["declined"] == "no document answers the question"
    model.reset()
    kept = corrective(model, Words(), decline=False)
    assert found_by(kept, "Does the pump have holidays?") == ["pump"]


def test_enough_is_enough() -> None:
    words = Words()
    corrective(saying(grades([1], True, "more")), words, 5).invoke("When does the pump run?")
    assert len(words.asked) == 1


# -- agentic


def steps(*calls: dict[str, Any]) -> ScriptedChatModel:
    answer = json.dumps(cited("Mara Lind was born in Tromso.", 2))
    made = [{"tool_calls": [{"name": "search_documents", "args": call}]} for call in calls]
    return ScriptedChatModel(replies=[*made, "Tromso", answer])


def test_an_agent_searches_and_its_documents_are_cited() -> None:
    model = steps({"query": "director of Gull"}, {"query": "Mara Lind born"})
    rag = create_rag(model, Words(), techniques=["agentic"])
    events = list(rag.stream("Where was the director of Gull born?"))
    result = events[-1].value  # type: ignore[attr-defined]
    assert sum(isinstance(event, ToolCall) for event in events) == 2
    assert result["answer"] == "Mara Lind was born in Tromso [2]."
    assert [c["id"] for c in result["citations"]] == ["lind"]
    assert "agent: Where was the director of Gull born? -> 2 searches" in as_text(result["plan"])


def test_several_sources_are_chosen_from() -> None:
    one, other = Words(), Words()
    tool = search_documents({"one": one, "other": other}, descriptions={"one": "the first"})
    assert tool.args["source"]["enum"] == ["one", "other"]
    assert "one (the first)" in tool.description
    call = {"name": tool.name, "args": {"query": "pump", "source": "other"}, "id": "1"}
    message = tool.invoke({**call, "type": "tool_call"})
    assert [d.id for d in message.artifact] == ["pump"]
    assert (one.asked, other.asked) == ([], ["pump"])
    wrong = {**call, "args": {"query": "pump", "source": "third"}, "type": "tool_call"}
    assert tool.invoke(wrong).status == "error"


def test_what_an_agent_did_not_search_is_no_evidence() -> None:
    model = ScriptedChatModel(replies=["Oslo, I think."])
    result = create_rag(model, Words(), techniques=["agentic"]).invoke("Where was she born?")
    assert (result["answer"], result["citations"]) == ("The documents do not say.", [])


# -- auto


def test_a_simple_question_costs_one_search_and_one_call() -> None:
    words = Words()
    model = saying(cited("The pump runs at night.", 1))
    result = create_rag(model, words, techniques="auto").invoke("When does the pump run?")
    assert (result["usage"]["model_calls"], len(words.asked)) == (1, 1)
    assert result["answer"] == "The pump runs at night [1]."


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("When was the town hall of Vik built?", "single"),
        ("How much is paid for a hotel?", "single"),
        ("Are Ola Vik and Per Dahl both singers?", "comparison"),
        ("How did the sales of Arle change between 2020 and 2023?", "comparison"),
        ("Where was the director of the film Gull born?", "chain"),
        ("Who is the wife of the man who founded Halden?", "chain"),
        ("In which country does the river end on which Vik lies?", "chain"),
        ("Which is older, the bridge or the tower?", "comparison"),
        ("What do Ola Vik and Per Dahl have in common?", "comparison"),
        ("Which actor plays the pilot?", "single"),
    ],
)
def test_kinds(question: str, kind: str) -> None:
    model = saying({"queries": ["paid leave"]}) if kind == "comparison" else saying({"say": "no"})
    found = auto(model, Words()).search(question)
    assert found.plan["children"][0]["note"] == kind


@pytest.mark.parametrize(
    ("question", "calls"),
    [
        ("Wann wurde das Rathaus von Vik gebaut?", 1),
        ("Où est né le réalisateur du film Gull ?", 1),
        ("このポンプはいつ動きますか?", 1),
        ("When was the town hall of Vik built?", 0),
        ("Was ist die Pumpe?", 1),
        ("Is Gull Town in Norway?", 0),
    ],
)
def test_in_other_languages_the_model_tells_the_kind(question: str, calls: int) -> None:
    search = auto(saying({"kind": "single"}), Words())
    events = list(search.stream(question))
    assert [e.model_calls for e in events if isinstance(e, Usage)] == [calls]
    assert [e.note for e in events if isinstance(e, Planned) and e.kind == "kind"] == ["single"]


def test_a_kind_that_is_none_is_told_by_the_signs() -> None:
    question = "Wann wurde das Rathaus von Vik gebaut?"
    events = list(auto(saying({"kind": "root"}), Words()).stream(question))
    assert any(isinstance(event, Warned) for event in events)
    assert events[-1].value.plan["children"][0]["note"] == "single"  # type: ignore[attr-defined]


def test_out_of_scope_is_declined() -> None:
    technique = auto(saying(), Words(), min_similarity=0.15)
    assert technique.search("When does it run backwards?").declined
    assert not technique.search("When does the pump run at night?").declined


def test_a_long_question_is_told_in_time() -> None:
    began = time.process_time()
    kind_of("which more, or " * 50_000)
    kind_of("Is " + "A and " * 50_000)
    assert time.process_time() - began < 1


# -- together


def test_techniques_in_one_another() -> None:
    words = Words()
    model = saying(
        {"query": "Sales of Arle in 2020 and 2023"},
        {"queries": ["Sales of Arle in 2020", "Sales of Arle in 2023"]},
        cited("Sales of Arle in 2023 were 27 million.", 2),
    )
    rag = create_rag(model, words, techniques=["rewrite", {"multi-query": {"n": 2, "k": 3}}])
    result = rag.invoke({"input": "And its sales in these years?", "history": TALK})
    assert result["usage"]["model_calls"] == 3 or result["plan"]["children"]
    assert "rewrite" in as_text(result["plan"])


def test_a_technique_is_a_retriever() -> None:
    technique = multi_query(saying({"queries": ["paid leave"]}), Words())
    piped = technique | RunnableLambda(lambda documents: [d.id for d in documents])
    assert piped.invoke("When does the pump run?")
    retriever = multi_query(saying({"queries": ["paid leave"]}), Words()).as_retriever()
    assert isinstance(retriever, BaseRetriever)
    assert retriever.invoke("When does the pump run?")
    inner = multi_hop(saying({"fact": "", "queries": []}), Words())
    assert found_by(multi_query(saying({"say": "no"}), inner), "When does the pump run?") == [
        "pump"
    ]


def test_a_session_keeps_what_was_said() -> None:
    words = Words()
    model = saying(
        cited("The pump runs at night.", 1),
        {"query": "When does the pump run?"},
        cited("The pump runs at night.", 1),
    )
    session = Session(create_rag(model, words, techniques=["rewrite"]))
    session.send("When does the pump run?")
    session.send("And when does it run?")
    assert "When does the pump run?" in words.asked[1:]


@pytest.mark.parametrize(
    ("techniques", "told"),
    [
        ("multy-query", "did you mean"),
        (["rewrite", "rewrite"], "twice"),
        ([{"multi-hop": {"hops": 2}}], "no option 'hops'"),
        (["auto", "rewrite"], "must be the last"),
        (["route"], "several sources"),
        ([3], "a technique is a name"),
        (7, "must be a list"),
        ([{"rewrite": 4}], "must be a mapping"),
    ],
)
def test_wrong_techniques_are_told(techniques: Any, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        create_rag(saying(), Words(), techniques=techniques)
    assert told in f"{caught.value} {caught.value.hint}"


@pytest.mark.model
def test_with_the_model_in_the_box(tmp_path: Path) -> None:
    model = load_model("smollm2", temperature=0, max_tokens=60, n_ctx=2048)
    events = list(multi_query(model, Words(), 2).stream("When does the pump run?"))
    planned = [event for event in events if isinstance(event, Planned)]
    assert planned[0].note.endswith("more queries")
    assert events[-1].value.documents  # type: ignore[attr-defined]
