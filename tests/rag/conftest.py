"""A small corpus, embedded once a session, and embeddings that cost nothing."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

from agentlab.rag import Index

FACTS = {
    "pump.md": "# The cellar pump\n\nThe pump in the cellar runs at night. Press the red button "
    "twice to reset it.\n\n## Fuses\n\nIts fuse is a 16 ampere one, in the grey box.\n",
    "film.md": "# The film\n\nThe film was shot on Gull Rock in 1931. Its director kept a "
    "lighthouse there.\n",
    "leave.txt": "Every employee has thirty days of leave a year. Sickness is not leave.\n",
    "cats.txt": "Cats purr when they are content, and also when they are in pain.\n",
}


class WordEmbeddings(Embeddings):
    """A number a word: texts that share words are near. Counts what it embeds."""

    size = 64

    def __init__(self, name: str = "words") -> None:
        self.name = name
        self.embedded: list[str] = []

    @property
    def identity(self) -> dict[str, Any]:
        return {"name": self.name}

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.embedded += texts
        return [self._vector(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self._vector(text)

    def _vector(self, text: str) -> list[float]:
        vector = [0.01] * self.size
        for word in re.findall(r"\w+", text.lower()):
            vector[hashlib.sha256(word.encode()).digest()[0] % self.size] += 1.0
        return vector


@pytest.fixture
def words() -> WordEmbeddings:
    return WordEmbeddings()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four files."""
    found = tmp_path / "docs"
    found.mkdir()
    for name, text in FACTS.items():
        (found / name).write_text(text)
    return found


@pytest.fixture(scope="session")
def facts() -> Index:
    """The four files' texts with the embeddings in the box."""
    documents = [
        Document(page_content=text, metadata={"source": name, "length": len(text)}, id=name)
        for name, text in FACTS.items()
    ]
    return Index.from_documents(documents, "bge-small")
