"""Retrievers: an index searched in one way, several fused, one reranked. All are LangChain's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from agentlab.boundary import Reranker, recordable
from agentlab.errors import ConfigError
from agentlab.models._parameters import check_parameters
from agentlab.models.reranker import load_reranker
from agentlab.rag.fuse import check_weights, fuse_ranks
from agentlab.rag.preparing import with_title
from agentlab.rag.search import RERANK_WEIGHT, Query

if TYPE_CHECKING:
    from agentlab.rag.index import Index

_LANGCHAIN: dict[str, dict[str, Any]] = {
    "similarity": {},
    "mmr": {"mmr": 0.5},
    "similarity_score_threshold": {},
}
_RENAMED = {"score_threshold": "threshold", "fetch_k": "depth", "lambda_mult": "mmr"}


class IndexRetriever(BaseRetriever):
    """An index, searched in one way. Made by :meth:`agentlab.rag.Index.as_retriever`."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    index: Any
    query: Query

    @property
    def identity(self) -> Mapping[str, Any]:
        """What is searched, and how: a recording holds for nothing else."""
        how = {f.name: getattr(self.query, f.name) for f in fields(self.query)}
        if how["rerank_weight"] == RERANK_WEIGHT:  # recordings from before there was it hold
            del how["rerank_weight"]
        how["rerank"] = getattr(self.query.rerank, "identity", None)
        if callable(self.query.filter):
            how["filter"] = getattr(self.query.filter, "__qualname__", "a function")
        # As one value: what is left out of one of two identities is not compared.
        return {**self.index.identity, "search": how}

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        found: list[Document] = self.index._found(query, self.query)
        return found


class FusedRetriever(BaseRetriever):
    """Several retrievers' rankings put together by weighted reciprocal rank fusion."""

    retrievers: list[BaseRetriever]
    weights: list[float]
    k: int = 4

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        config = {"callbacks": run_manager.get_child()}
        found: dict[str, Document] = {}
        rankings = []
        for retriever in self.retrievers:
            documents = retriever.invoke(query, config=config)  # type: ignore[arg-type]
            keys = [d.id or d.page_content for d in documents]
            rankings.append(keys)
            for key, document in zip(keys, documents, strict=True):
                found.setdefault(key, document)
        return [_scored(found[key], s) for key, s in fuse_ranks(rankings, self.weights)[: self.k]]


class RerankedRetriever(BaseRetriever):
    """What a retriever finds, in the order of a reranker; below ``threshold`` is left out."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    retriever: BaseRetriever
    reranker: Any
    k: int = 4
    threshold: float | None = None

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        documents = self.retriever.invoke(query, config={"callbacks": run_manager.get_child()})
        texts = [with_title(d.page_content, d.metadata) for d in documents]
        scores = self.reranker.rerank(query, texts)
        found = sorted(zip(documents, scores, strict=True), key=lambda pair: -pair[1])
        least = float("-inf") if self.threshold is None else self.threshold
        return [_scored(d, s) for d, s in found[: self.k] if s >= least]


def create_fusion(
    *retrievers: BaseRetriever, weights: Sequence[float] | None = None, k: int = 4
) -> BaseRetriever:
    """One retriever of several (any of LangChain's): their rankings are fused.

    Args:
        weights: one a retriever; all 1 by default.

    Raises:
        ConfigError: the weights are not one a retriever.
    """
    chosen = [1.0] * len(retrievers) if weights is None else list(weights)
    check_weights(chosen, len(retrievers))
    inner = [recordable(r) for r in retrievers]
    return recordable(FusedRetriever(retrievers=inner, weights=chosen, k=k))


def create_reranked(
    retriever: BaseRetriever,
    reranker: str | Reranker = "minilm",
    *,
    k: int = 4,
    threshold: float | None = None,
) -> BaseRetriever:
    """``retriever`` with what it finds in the order of ``reranker``: let it find more than ``k``.

    Raises:
        UnknownModel: there is no such reranker.
    """
    return recordable(
        RerankedRetriever(
            retriever=recordable(retriever),
            reranker=load_reranker(reranker),
            k=k,
            threshold=threshold,
        )
    )


def create_retriever(index: Index, options: Mapping[str, Any]) -> BaseRetriever:
    """See :meth:`agentlab.rag.Index.as_retriever`."""
    given = dict(options)
    plumbing = {k: given.pop(k) for k in ("tags", "metadata", "name") if k in given}
    return recordable(IndexRetriever(index=index, query=create_query(given), **plumbing))


def create_query(options: Mapping[str, Any]) -> Query:
    """The options of a search, checked; LangChain's names for them too.

    Raises:
        ConfigError: an option is unknown or wrong.
    """
    given = {k: v for k, v in options.items() if v is not None}
    kind = given.pop("search_type", "similarity")
    if kind not in _LANGCHAIN:
        raise ConfigError(f"there is no search_type {kind!r}", hint=f"use {', '.join(_LANGCHAIN)}")
    given = {**_LANGCHAIN[kind], **given.pop("search_kwargs", {}), **given}
    given = {_RENAMED.get(name, name): value for name, value in given.items()}
    check_parameters(given, [f.name for f in fields(Query)], "a search")
    if "weights" in given:
        given["weights"] = tuple(given["weights"])
    reranker = given.pop("rerank", None)
    if reranker is not None and reranker is not False:
        given["rerank"] = load_reranker("minilm" if reranker is True else reranker)
    return Query(**given)


def _scored(document: Document, score: float) -> Document:
    metadata = {**document.metadata, "score": round(float(score), 6)}
    return Document(page_content=document.page_content, metadata=metadata, id=document.id)
