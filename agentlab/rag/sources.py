"""The documents an answer is made from, numbered, and as a model is shown them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from langchain_core.documents import Document

from agentlab.untrusted import wrap


@dataclass(frozen=True, slots=True)
class Source:
    """A document under the number by which it is cited. ``start`` is its place in its file."""

    number: int
    id: str
    text: str
    title: str
    file: str
    start: int
    metadata: dict[str, Any] = field(repr=False)

    @property
    def shown(self) -> str:
        """The text as a model may read it: marked as data, which the number is no part of."""
        return wrap(self.text, self.title or self.file or "document")

    @property
    def whole(self) -> str:
        """Title and text."""
        return f"{self.title}\n{self.text}" if self.title else self.text

    def as_dict(self) -> dict[str, Any]:
        """The document as plain values."""
        return {**self.metadata, "number": self.number, "id": self.id, "text": self.text}


def number(documents: Iterable[Document], min_score: float | None = None) -> list[Source]:
    """``documents``, each once, numbered from 1 in their order.

    Those whose metadata has a ``score`` below ``min_score``, and those without text, are left out.
    """
    found: dict[tuple[str, str], Document] = {}
    for document in documents:
        score = document.metadata.get("score")
        low = min_score is not None and isinstance(score, int | float) and score < min_score
        if not low and document.page_content.strip():
            name = document.id or document.metadata.get("id") or ""
            found.setdefault((str(name), document.page_content), document)
    return [_source(place, document) for place, document in enumerate(found.values(), start=1)]


def _source(place: int, document: Document) -> Source:
    metadata = document.metadata
    start = metadata.get("start")
    return Source(
        number=place,
        id=str(document.id or metadata.get("id") or place),
        text=document.page_content,
        title=_text(metadata, "title"),
        file=_text(metadata, "source") or _text(metadata, "file"),
        start=start if isinstance(start, int) else 0,
        metadata=dict(metadata),
    )


def _text(metadata: dict[str, Any], name: str) -> str:
    value = metadata.get(name)
    return value if isinstance(value, str) else ""
