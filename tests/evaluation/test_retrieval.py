"""Runs and retrievers against judgements."""

from __future__ import annotations

import pytest
from langchain_core.documents import Document
from langchain_core.runnables import RunnableLambda

from agentlab.errors import EvaluationError
from agentlab.evaluation import (
    Query,
    collect,
    demo_documents,
    demo_qrels,
    demo_queries,
    evaluate_run,
)

QUERIES = {name: Query(name, f"about {name}") for name in ("q1", "q2", "q3")}


def test_notes_tell_what_was_done_with_odd_questions() -> None:
    qrels = {"q1": {"a": 1}, "gone": {"a": 1}, "empty": {"a": 0}}
    report = evaluate_run({"q1": ["a", "a"], "empty": ["a"], "more": ["a"]}, qrels, ["map"])
    assert report.values == {"map": {"q1": 1.0, "gone": 0.0, "empty": 0.0}}
    assert report.notes == (
        "1 question judged but not in the run, counted as 0: 'gone'",
        "1 question judged to have nothing relevant, counted as 0: 'empty'",
        "1 question without judgements, left out: 'more'",
        "1 results that came twice for a question were taken once",
    )


def test_scores_or_rankings() -> None:
    qrels = {"q1": {"a": 1}}
    assert evaluate_run({"q1": {"a": 2.0, "b": 1.0}}, qrels, ["mrr"]).mean("mrr") == 1
    assert evaluate_run({"q1": ["b", "a"]}, qrels, ["mrr"]).mean("mrr") == 0.5


def documents(*metadata: dict[str, str]) -> RunnableLambda[str, list[Document]]:
    return RunnableLambda(lambda _: [Document("text", metadata=m) for m in metadata])


def test_documents_by_their_ids() -> None:
    retriever = documents({"id": "b", "file": "x.md"}, {"id": "a", "file": "x.md"})
    progress: list[tuple[int, int]] = []
    found = collect(
        retriever, QUERIES, {"q1": {"a": 1}, "q3": {"a": 1}}, lambda *now: progress.append(now)
    )
    assert found.run == {"q1": ["b", "a"], "q3": ["b", "a"]}
    assert progress == [(1, 2), (2, 2)]
    assert found.seconds.keys() == {"q1", "q3"}
    assert found.seconds_per_question >= 0


def test_documents_by_the_end_of_their_files_path() -> None:
    retriever = documents(
        {"id": "1", "source": "/data/docs/other/music.md"},
        {"id": "2", "source": "/data/docs/film/music.md"},
        {"id": "3", "source": "/data/docs/film/music.md"},
    )
    found = collect(retriever, QUERIES, {"q1": {"film/music.md": 1}})
    assert found.run == {"q1": ["/data/docs/other/music.md", "film/music.md"]}


def test_nothing_in_common() -> None:
    with pytest.raises(EvaluationError, match=r"found: 'x.md'; judgements: 'y.md'"):
        collect(documents({"id": "1", "file": "x.md"}), QUERIES, {"q1": {"y.md": 1}})
    with pytest.raises(EvaluationError, match="no question is in the judgements"):
        collect(documents(), QUERIES, {"other": {"y.md": 1}})
    with pytest.raises(EvaluationError, match="no question of the run is in the judgements"):
        evaluate_run({"q1": ["a"]}, {"q2": {"a": 1}})
    assert collect(documents(), QUERIES, {"q1": {"y.md": 1}}).run == {"q1": []}


def test_the_demo_corpus_is_whole() -> None:
    found, queries, qrels = demo_documents(), demo_queries(), demo_qrels()
    names = {document.metadata["id"] for document in found}
    assert len(found) == len(names) == len(queries) == 60
    assert {name for judged in qrels.values() for name in judged} <= names
    assert all(document.page_content and document.metadata["title"] for document in found)
    # The answer's questions are judged, and only those.
    assert {q.id for q in queries.values() if q.answers} == qrels.keys()
    assert len(qrels) == 57
    for judged in qrels.values():
        assert 2 in judged.values()


def test_common_words_find_much_of_the_demo_corpus_but_not_all() -> None:
    texts = {d.metadata["id"]: set(d.page_content.casefold().split()) for d in demo_documents()}

    def search(text: str) -> list[Document]:
        words = set(text.casefold().split())
        best = sorted(texts, key=lambda name: -len(words & texts[name]))[:10]
        return [Document("", metadata={"id": name}) for name in best]

    qrels = demo_qrels()
    run = collect(RunnableLambda(search), demo_queries(), qrels).run
    assert 0.2 < evaluate_run(run, qrels, ["ndcg@10"]).mean("ndcg@10") < 0.9
