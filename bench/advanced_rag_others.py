"""The same questions by other libraries, on the same model and retriever.

They are not installed with AgentLab: ``--others`` names folders that hold them.
"""

from __future__ import annotations

from typing import Any


def finder(way: str, model: Any, retriever: Any) -> Any:
    """``langchain``: its MultiQueryRetriever."""
    if way != "langchain":
        raise SystemExit(f"there is no way {way!r}")
    from langchain_classic.retrievers.multi_query import MultiQueryRetriever

    return MultiQueryRetriever.from_llm(retriever=retriever, llm=model, include_original=True)
