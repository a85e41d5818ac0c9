"""The demo corpus that ships with AgentLab: documents, questions and judgements."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agentlab.config import shipped_folder
from agentlab.evaluation.judgements import Query, read_qrels, read_queries

if TYPE_CHECKING:
    from langchain_core.documents import Document


def demo_folder() -> Path:
    """The folder: ``documents/``, ``queries.jsonl`` and ``qrels.txt``."""
    return shipped_folder("corpus")


def demo_documents() -> list[Document]:
    """Its documents; ``id`` is the path below ``documents/``, ``title`` the heading."""
    from langchain_core.documents import Document

    folder = demo_folder() / "documents"
    found = []
    for path in sorted(folder.rglob("*.md")):
        name = path.relative_to(folder).as_posix()
        heading, _, text = path.read_text(encoding="utf-8").partition("\n\n")
        metadata = {"id": name, "source": name, "title": heading.removeprefix("# ")}
        found.append(Document(page_content=text.strip(), metadata=metadata, id=name))
    return found


def demo_queries() -> dict[str, Query]:
    """Its questions; those that the documents do not answer have no ``answers``."""
    return read_queries(demo_folder() / "queries.jsonl")


def demo_qrels() -> dict[str, dict[str, int]]:
    """Its judgements: 2 holds the answer, 1 a part of it, 0 looks as if it did."""
    return read_qrels(demo_folder() / "qrels.txt")
