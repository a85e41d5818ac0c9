"""How a command searches an index: the defaults, what it was tuned to, what the user asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.retrievers import BaseRetriever

    from agentlab.rag import Index


def retriever_of(
    index: Index,
    *,
    k: int,
    rerank: bool | None = None,
    reranker: str | None = None,
    **options: Any,
) -> BaseRetriever:
    """A retriever of ``index``: what is None is as it was tuned, or else the default.

    Raises:
        ConfigError: an option is wrong, or the file of the tuned ones is.
    """
    given = {name: value for name, value in options.items() if value is not None}
    found = {"mode": "hybrid", **index.tuned, "k": k, **given}
    if rerank is False or ("mmr" in given and not rerank):
        found.pop("rerank", None)
    elif rerank or reranker:
        found["rerank"] = reranker or found.get("rerank") or "minilm"
    return index.as_retriever(**found)
