"""The methods that LangChain's vector stores have, on top of an index's own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from langchain_core.documents import Document
from langchain_core.vectorstores import VectorStore

from agentlab.errors import ConfigError


class LangChainStore(VectorStore):
    """What is searched and added to by LangChain's names."""

    @abstractmethod
    def _add_documents(self, documents: Sequence[Document]) -> list[str]:
        """Add ``documents``; the ids of their chunks."""

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """As LangChain's: add texts; the ids of their chunks."""
        return self._add_documents(documents_of(texts, metadatas, ids))

    def add_documents(self, documents: list[Document], **kwargs: Any) -> list[str]:
        """As LangChain's: add documents; the ids of their chunks."""
        ids = kwargs.get("ids")
        if ids is not None:
            pairs = zip(documents, ids, strict=True)
            documents = [d.model_copy(update={"id": i}) for d, i in pairs]
        return self._add_documents(documents)

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """As LangChain's."""
        return self.search(query, "similarity", k=k, **kwargs)

    def similarity_search_with_score(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """As LangChain's: documents with their scores."""
        found = self.search(query, "similarity", k=k, **kwargs)
        return [(d, d.metadata["score"]) for d in found]

    def max_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """As LangChain's."""
        return self.search(query, "mmr", k=k, depth=fetch_k, mmr=lambda_mult, **kwargs)

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        return lambda cosine: min(1.0, max(0.0, cosine))


def documents_of(
    texts: Iterable[str], metadatas: list[dict[str, Any]] | None, ids: list[str] | None
) -> list[Document]:
    """Documents of texts and what belongs to each.

    Raises:
        ConfigError: there are not as many of one as of the other.
    """
    found = list(texts)
    for name, given in (("metadatas", metadatas), ("ids", ids)):
        if given is not None and len(given) != len(found):
            raise ConfigError(f"{len(given)} {name} were given for {len(found)} texts")
    return [
        Document(
            page_content=text,
            metadata=metadatas[n] if metadatas else {},
            id=ids[n] if ids else None,
        )
        for n, text in enumerate(found)
    ]
