"""Other libraries' keyword and hybrid search, with the same chunks and the same embeddings.

LangChain's are in the extra ``community``. LlamaIndex and Haystack are no dependency: install them
beside, ``uv pip install --target FOLDER llama-index-core llama-index-retrievers-bm25`` and
``uv pip install --target FOLDER haystack-ai rank_bm25``, and give ``--others FOLDER …``. All at
their defaults, except that they are asked for 100 results and that LlamaIndex's BM25 is given the
English stemmer.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.runnables import Runnable, RunnableLambda

K = 100
Search = Runnable[str, list[Document]]
Made = Iterator[tuple[str, Search]]


def others(
    chunks: Sequence[Document], vectors: Sequence[Sequence[float]], embeddings: Embeddings
) -> Iterator[tuple[str, Search | str]]:
    """Their retrievers by name, or why there is none."""
    for name, make in (("LangChain", _langchain), ("LlamaIndex", _llama), ("Haystack", _haystack)):
        try:
            yield from make(chunks, vectors, embeddings)
        except ImportError as error:
            yield name, f"not installed: {error}"


def _search(find: Callable[[str], Sequence[Any]]) -> Search:
    """A search from one that gives ids of documents."""
    return RunnableLambda(
        lambda text: [Document(page_content="", metadata={"id": i}) for i in find(text)]
    )


def _langchain(
    chunks: Sequence[Document], vectors: Sequence[Sequence[float]], embeddings: Embeddings
) -> Made:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from langchain_classic.retrievers import EnsembleRetriever
        from langchain_community.retrievers import BM25Retriever
        from langchain_core.vectorstores import InMemoryVectorStore

        words = BM25Retriever.from_documents(list(chunks), k=K)
    yield "LangChain BM25Retriever", words
    store = InMemoryVectorStore(_Given(vectors, chunks, embeddings))
    store.add_documents(list(chunks))
    both = [words, store.as_retriever(search_kwargs={"k": K})]
    yield (
        "LangChain EnsembleRetriever, half and half",
        EnsembleRetriever(retrievers=both, weights=[0.5, 0.5]),
    )


class _Given(Embeddings):
    """Vectors that are there already, and questions embedded as ours are."""

    def __init__(
        self,
        vectors: Sequence[Sequence[float]],
        chunks: Sequence[Document],
        embeddings: Embeddings,
    ) -> None:
        texts = [chunk.page_content for chunk in chunks]
        self._known = dict(zip(texts, vectors, strict=True))
        self._embeddings = embeddings

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [list(self._known[text]) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self._embeddings.embed_query(text)


def _llama(
    chunks: Sequence[Document], vectors: Sequence[Sequence[float]], embeddings: Embeddings
) -> Made:
    import Stemmer
    from llama_index.core import VectorStoreIndex
    from llama_index.core.embeddings import MockEmbedding
    from llama_index.core.llms import MockLLM
    from llama_index.core.retrievers import QueryFusionRetriever
    from llama_index.core.schema import QueryBundle, TextNode
    from llama_index.retrievers.bm25 import BM25Retriever

    nodes = [
        TextNode(
            text=chunk.page_content,
            id_=str(number),
            embedding=list(map(float, vector)),
            metadata={"id": chunk.metadata["id"]},
            excluded_embed_metadata_keys=["id"],
        )
        for number, (chunk, vector) in enumerate(zip(chunks, vectors, strict=True))
    ]
    most = min(K, len(nodes))
    words = BM25Retriever.from_defaults(
        nodes=nodes, similarity_top_k=most, stemmer=Stemmer.Stemmer("english"), language="english"
    )
    index = VectorStoreIndex(nodes, embed_model=MockEmbedding(embed_dim=len(vectors[0])))
    both = QueryFusionRetriever(
        [index.as_retriever(similarity_top_k=most), words],
        llm=MockLLM(),
        num_queries=1,
        mode="reciprocal_rerank",
        similarity_top_k=most,
        use_async=False,
    )

    def ask(retriever: Any, text: str) -> list[str]:
        question = QueryBundle(text, embedding=embeddings.embed_query(text))
        return [found.node.metadata["id"] for found in retriever.retrieve(question)]

    yield "LlamaIndex BM25Retriever", _search(lambda text: ask(words, text))
    yield "LlamaIndex QueryFusionRetriever", _search(lambda text: ask(both, text))


def _haystack(
    chunks: Sequence[Document], vectors: Sequence[Sequence[float]], embeddings: Embeddings
) -> Made:
    from haystack import Document as HaystackDocument
    from haystack.components.joiners import DocumentJoiner
    from haystack.components.retrievers.in_memory import (
        InMemoryBM25Retriever,
        InMemoryEmbeddingRetriever,
    )
    from haystack.document_stores.in_memory import InMemoryDocumentStore

    store = InMemoryDocumentStore(embedding_similarity_function="cosine")
    store.write_documents(
        [
            HaystackDocument(
                id=str(number),
                content=chunk.page_content,
                meta={"id": chunk.metadata["id"]},
                embedding=list(map(float, vector)),
            )
            for number, (chunk, vector) in enumerate(zip(chunks, vectors, strict=True))
        ]
    )
    words = InMemoryBM25Retriever(store, top_k=K)
    dense = InMemoryEmbeddingRetriever(store, top_k=K)
    joiner = DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=K)

    def both(text: str) -> list[str]:
        one = dense.run(query_embedding=embeddings.embed_query(text))["documents"]
        other = words.run(query=text)["documents"]
        return [d.meta["id"] for d in joiner.run(documents=[one, other])["documents"]]

    yield (
        "Haystack InMemoryBM25Retriever",
        _search(lambda text: [d.meta["id"] for d in words.run(query=text)["documents"]]),
    )
    yield "Haystack DocumentJoiner, by ranks", _search(both)
