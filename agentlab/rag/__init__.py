"""Retrieval: files to chunks, chunks to an index, an index searched by meaning, words or both."""

from __future__ import annotations

from agentlab.rag.answer import Rag, create_rag
from agentlab.rag.building import Report
from agentlab.rag.index import Index
from agentlab.rag.load import Loaded, Skipped, load_files
from agentlab.rag.retriever import create_fusion, create_reranked
from agentlab.rag.splitter import Splitter

__all__ = [
    "Index",
    "Loaded",
    "Rag",
    "Report",
    "Skipped",
    "Splitter",
    "create_fusion",
    "create_rag",
    "create_reranked",
    "load_files",
]
