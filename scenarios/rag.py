"""What the scenarios of rag.yaml run: answers from the demo corpus, searched in several ways."""

from __future__ import annotations

import hashlib
from typing import Any

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable

from agentlab.boundary import recordable
from agentlab.evaluation.demo import demo_documents
from agentlab.rag import Index, Rag, create_rag

_indexes: list[Index] = []


class DemoRetriever(BaseRetriever):
    """The demo corpus, searched as ``how`` says. Its index is made at the first search that is not
    replayed: a replay needs neither the embeddings nor the reranker.
    """

    how: dict[str, Any]

    @property
    def identity(self) -> dict[str, Any]:
        """The corpus and the way: a recording holds for nothing else."""
        texts = "\0".join(f"{d.id}\0{d.page_content}" for d in demo_documents())
        return {"corpus": hashlib.sha256(texts.encode()).hexdigest(), "how": self.how}

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        if not _indexes:
            _indexes.append(Index.from_documents(demo_documents()))
        return _indexes[0].as_retriever(**self.how).invoke(query)


def _retriever(**how: Any) -> BaseRetriever:
    return recordable(DemoRetriever(how={"k": 3, **how}))


def _answers(model: Any, retriever: Runnable[Any, Any]) -> Rag:
    return create_rag(model, retriever, quote="else", min_relevance=None)


def dense(model: Any) -> Rag:
    """Searched by meaning."""
    return _answers(model, _retriever(mode="dense"))


def hybrid(model: Any) -> Rag:
    """Searched by meaning and by words."""
    return _answers(model, _retriever(mode="hybrid"))


def reranked(model: Any) -> Rag:
    """Searched by meaning, and the best ten read again."""
    return _answers(model, _retriever(mode="dense", rerank="minilm", rerank_weight=1.0))


def with_keywords(model: Any) -> Rag:
    """Searched by meaning; where that fails, by words."""
    by_meaning, by_words = _retriever(mode="dense"), _retriever(mode="keyword")
    return _answers(model, by_meaning.with_fallbacks([by_words]))


def quotes(model: Any) -> Rag:
    """The sentence that answers best, word for word."""
    return create_rag(model, _retriever(mode="hybrid"), quote="always")
