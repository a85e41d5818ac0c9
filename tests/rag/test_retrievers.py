"""Retrievers: what each mode finds, in which order, and that each is one call at the boundary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda

from agentlab import cancellable, handling
from agentlab.errors import ConfigError, Diverged, TurnCancelled, UnknownModel
from agentlab.offline import offline
from agentlab.rag import Index, create_fusion, create_reranked
from agentlab.recording import cassette
from tests.rag.conftest import WordEmbeddings
from tests.rag.test_embeddings import Seen

TEXTS = ["alpha beta", "alpha alpha gamma", "beta delta", "epsilon", "alpha  BETA"]


class Length:
    """A reranker that likes short texts."""

    identity = {"name": "length"}  # noqa: RUF012

    def __init__(self) -> None:
        self.read: list[str] = []

    def rerank(self, query: str, texts: Any) -> list[float]:
        self.read += texts
        return [1 / len(text) for text in texts]


@pytest.fixture
def index(words: WordEmbeddings) -> Index:
    metadatas = [{"n": n, "even": n % 2 == 0, "name": f"t{n}"} for n in range(5)]
    return Index.from_texts(TEXTS, words, metadatas, ids=[f"t{n}" for n in range(5)])


def ids(documents: list[Document]) -> list[str | None]:
    return [document.id for document in documents]


def test_the_real_models_find_by_meaning(facts: Index) -> None:
    question = "How do I restart it when water is no longer moved?"
    assert facts.as_retriever(k=1).invoke(question)[0].id == "pump.md"
    assert (
        facts.as_retriever(k=1, mode="hybrid").invoke("When do felines purr?")[0].id == "cats.txt"
    )
    found = facts.as_retriever(k=2, mode="hybrid", rerank=True).invoke("how many holidays do I get")
    assert found[0].id == "leave.txt"
    assert found[0].metadata["score"] > found[1].metadata["score"]
    assert facts.as_retriever(threshold=0.75).invoke("quantum chromodynamics") == []
    assert facts.as_retriever(threshold=0.6).invoke("When was the film shot?") != []


def test_modes(index: Index) -> None:
    assert ids(index.as_retriever(k=2).invoke("epsilon"))[0] == "t3"
    assert ids(index.as_retriever(mode="keyword", k=9).invoke("alpha gamma")) == ["t1", "t0"]
    hybrid = index.as_retriever(mode="hybrid", k=9).invoke("alpha gamma")
    assert ids(hybrid)[:2] == ["t1", "t0"]
    first = 1 / 61 + 0.25 / 61
    assert hybrid[0].metadata["score"] == pytest.approx(first, abs=1e-6)
    assert 0.5 < hybrid[0].metadata["similarity"] <= 1
    by_scores = index.as_retriever(mode="hybrid", fusion="scores", k=1).invoke("alpha gamma")
    assert by_scores[0].metadata["score"] == pytest.approx(1.25)


def test_fused_scores_are_whole(words: WordEmbeddings) -> None:
    """What one way finds has the other's score as well, though it is not among its best."""
    question = "the the the beta"
    texts = ["the the the tree", "beta delta", "the the cat", "beta gamma rho"]
    index = Index.from_texts(texts, words, ids=["a", "b", "c", "d"])
    cosine, bm25 = (
        {d.id: d.metadata["score"] for d in index.as_retriever(mode=mode, k=9).invoke(question)}
        for mode in ("dense", "keyword")
    )
    best = {*list(cosine)[:2], *list(bm25)[:2]}
    found = index.as_retriever(mode="hybrid", fusion="scores", k=2, depth=2).invoke(question)

    def share(scores: dict[str | None, float], name: str | None) -> float:
        values = [scores.get(n, 0.0) for n in best]
        return (scores.get(name, 0.0) - min(values)) / ((max(values) - min(values)) or 1)

    assert len(best) == 4
    for document in found:
        wanted = share(cosine, document.id) + 0.25 * share(bm25, document.id)
        assert document.metadata["score"] == pytest.approx(wanted, abs=1e-4)


def test_equal_texts_are_found_once(index: Index) -> None:
    found = ids(index.as_retriever(k=5).invoke("alpha beta"))
    assert ("t0" in found) != ("t4" in found)
    assert len(found) == 4


def test_filters(index: Index) -> None:
    def found(filter: Any, **options: Any) -> set[str | None]:
        found = index.as_retriever(k=5, filter=filter, **options).invoke("alpha beta")
        return {"t0" if i == "t4" else i for i in ids(found)}  # the same words, found once

    assert found({"n": 2}) == {"t2"}
    assert found({"n": {"$gte": 1, "$lt": 3}}) == {"t1", "t2"}
    assert found({"even": True, "n": {"$ne": 0}}) == {"t0", "t2"}
    assert found({"name": {"$in": ["t1", "t3"]}}) == {"t1", "t3"}
    assert found({"name": {"$nin": ["t1", "t3", "t4"]}}) == {"t0", "t2"}
    assert found({"nothing": None}) == {"t0", "t1", "t2", "t3"}
    assert found({"nothing": {"$ne": 1}}) == {"t0", "t1", "t2", "t3"}
    assert found({"nothing": 1}) == set()
    assert found(lambda metadata: metadata["n"] > 2) == {"t3", "t0"}
    assert found({"n": {"$gt": 0}}, mode="keyword") == {"t0", "t1", "t2"}
    assert found({"n": {"$gt": 0}}, mode="hybrid") == {"t0", "t1", "t2", "t3"}
    assert found({"x' OR 1=1 --": 1}) == set()


@pytest.mark.parametrize(
    ("filter", "message"),
    [
        ({"n": {"$gtt": 1}}, "no comparison '\\$gtt'"),
        ({"$or": []}, "begins with a key"),
        ({'a"b': 1}, "is no key"),
        ({"n": {"$in": 3}}, "needs a list"),
        ({"n": object()}, "cannot be compared"),
        ({"n": 2**70}, "more than 64 bits"),
        (["n"], "a filter is a mapping"),
    ],
)
def test_wrong_filters(index: Index, filter: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        index.as_retriever(filter=filter)


def test_thresholds(index: Index) -> None:
    best = index.search("alpha gamma", k=1)[0].metadata["score"]
    assert len(index.search("alpha gamma", threshold=best - 1e-4)) == 1
    assert index.search("alpha gamma", threshold=best + 1e-4) == []
    # Of fused rankings the cosine is looked at: a fused score says nothing by itself.
    assert len(index.search("alpha gamma", mode="hybrid", threshold=best - 1e-4)) == 1
    assert index.search("zzz", mode="keyword") == []


def test_diversity(words: WordEmbeddings) -> None:
    index = Index.from_texts(["a b c d", "a b c d e", "a x y z"], words, ids=["1", "2", "3"])
    assert ids(index.search("a b c d", k=2)) == ["1", "2"]
    assert ids(index.search("a b c d", k=2, mmr=0.2)) == ["1", "3"]
    assert ids(index.max_marginal_relevance_search("a b c d", k=2, lambda_mult=0.2)) == ["1", "3"]


def test_reranking(index: Index) -> None:
    length = Length()
    options = {"k": 2, "rerank": length, "rerank_depth": 3, "rerank_weight": 1}
    found = index.as_retriever(**options).invoke("alpha beta delta")
    assert len(length.read) == 3
    assert [d.metadata["score"] for d in found] == sorted(
        (d.metadata["score"] for d in found), reverse=True
    )
    assert index.search("alpha", rerank=length, threshold=2.0) == []


class Given:
    """A reranker with scores by text."""

    def __init__(self, **scores: float) -> None:
        self.scores = scores

    def rerank(self, query: str, texts: Any) -> list[float]:
        return [self.scores[text.split()[0]] for text in texts]


@pytest.mark.parametrize(("weight", "order"), [(1.0, "cba"), (0.5, "bac"), (0.0, "abc")])
def test_a_reranker_may_decide_in_part(words: WordEmbeddings, weight: float, order: str) -> None:
    texts = ["a x x x x", "b x x x y", "c y y y y"]
    index = Index.from_texts(texts, words, ids=["a", "b", "c"])
    given = Given(a=0.02, b=0.97, c=0.98)
    found = index.search("x", rerank=given, rerank_weight=weight, k=3)
    assert "".join(str(d.id) for d in found) == order
    assert found[0].metadata["score"] == given.scores[order[0]]


def test_options_of_langchain(index: Index) -> None:
    retriever: Any = index.as_retriever(search_type="mmr", search_kwargs={"k": 2, "fetch_k": 7})
    assert (retriever.query.k, retriever.query.depth, retriever.query.mmr) == (2, 7, 0.5)
    retriever = index.as_retriever(
        search_type="similarity_score_threshold", search_kwargs={"score_threshold": 0.99}
    )
    assert retriever.invoke("nothing like it") == []
    ((document, score),) = index.similarity_search_with_score("epsilon", k=1)
    assert (document.id, score) == ("t3", pytest.approx(1, abs=0.01))
    assert ids(index.similarity_search("epsilon", k=1)) == ["t3"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "'k' must be 1 or more"),
        ({"k": "4"}, "whole number"),
        ({"mode": "dens"}, "no mode 'dens'"),
        ({"kk": 4}, "no parameter 'kk'"),
        ({"weights": (1, 2, 3)}, "3 weights were given"),
        ({"mmr": 1.5}, "from 0 to 1"),
        ({"mmr": 0.5, "rerank": "minilm"}, "not both"),
        ({"fusion": "votes"}, "ranks or scores"),
        ({"search_type": "best"}, "no search_type"),
    ],
)
def test_wrong_options(index: Index, options: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        index.as_retriever(**options)


def test_other_wrong_uses(index: Index) -> None:
    with pytest.raises(UnknownModel, match="no reranker 'minlm'"):
        index.as_retriever(rerank="minlm")
    with pytest.raises(ConfigError, match="a question must be text"):
        index.search(3)  # type: ignore[arg-type]


def test_retrievers_compose(index: Index) -> None:
    chain = index.as_retriever(k=2, mode="keyword") | RunnableLambda(ids)
    assert chain.invoke("alpha gamma") == ["t1", "t0"]
    both = create_fusion(
        index.as_retriever(k=5), index.as_retriever(k=5, mode="keyword"), weights=[0, 1], k=2
    )
    assert ids(both.invoke("alpha gamma")) == ["t1", "t0"]
    reranked = create_reranked(index.as_retriever(k=5), Length(), k=2)
    assert ids(reranked.invoke("alpha"))[0] == "t3"
    with pytest.raises(ConfigError, match="1 weights were given for 2"):
        create_fusion(both, both, weights=[1])


async def test_a_retriever_is_one_call(index: Index) -> None:
    seen = Seen()
    retriever = index.as_retriever(mode="hybrid", rerank=Length())
    assert isinstance(retriever, BaseRetriever)
    with handling(seen):
        retriever.invoke("alpha")
    kinds = [kind for kind, _ in seen.calls]
    assert kinds[0] == "retrieve"
    assert kinds.count("retrieve") == 1
    assert ids(await retriever.ainvoke("alpha")) == ids(retriever.invoke("alpha"))


def test_replay_needs_no_model(
    facts: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.jsonl"

    def run(**options: Any) -> list[Document]:
        return facts.as_retriever(k=2, mode="hybrid", **options).invoke("Why do cats purr?")

    with cassette(path, mode="once"):
        recorded = run()
    monkeypatch.setattr("agentlab.models._onnx.load", lambda box: pytest.fail("loaded"))
    with cassette(path, mode="none"), offline():
        assert run() == recorded
    with pytest.raises(Diverged), cassette(path, mode="none"):
        run(filter={"source": "cats.txt"})


def test_a_recording_is_of_one_index(words: WordEmbeddings, tmp_path: Path) -> None:
    index = Index.from_texts(["one"], words)
    with cassette(tmp_path / "run.jsonl", mode="once"):
        index.as_retriever().invoke("one")
    index.add(["two"])
    with pytest.raises(Diverged), cassette(tmp_path / "run.jsonl", mode="none"):
        index.as_retriever().invoke("one")


def test_a_search_can_be_cancelled(index: Index) -> None:
    with cancellable() as scope:
        scope.cancel()
        with pytest.raises(TurnCancelled):
            index.as_retriever().invoke("alpha")
