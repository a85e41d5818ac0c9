"""A retriever by words and models that follow a script, for the techniques."""

from __future__ import annotations

import json
from typing import Any

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import Field

from agentlab.boundary import Call, Handler
from agentlab.errors import Unreachable
from agentlab.models.scripted import ScriptedChatModel
from agentlab.rag.quoting import words_of

TEXTS = {
    "film": "The film Gull was directed by Mara Lind.",
    "lind": "Mara Lind was born in Tromso.",
    "tromso": "Tromso is a town in the north of Norway.",
    "pump": "The pump runs at night.",
    "leave": "Each employee has 27 days of paid leave.",
    "sales20": "Sales of Arle in 2020 were 10 million.",
    "sales23": "Sales of Arle in 2023 were 27 million.",
}


class Words(BaseRetriever):
    """The documents that share most words with the query; keeps what it was asked."""

    k: int = 1
    texts: dict[str, str] = Field(default_factory=lambda: dict(TEXTS))
    titles: dict[str, str] = Field(default_factory=dict)
    asked: list[str] = Field(default_factory=list)

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        self.asked.append(query)
        wanted = words_of(query)
        shared = {name: len(wanted & words_of(text)) for name, text in self.texts.items()}
        best = sorted((n for n in shared if shared[n]), key=lambda n: -shared[n])[: self.k]
        return [
            Document(self.texts[n], id=n, metadata={"score": shared[n] / 10, **self._title(n)})
            for n in best
        ]

    def _title(self, name: str) -> dict[str, str]:
        return {"title": self.titles[name]} if name in self.titles else {}


def saying(*values: Any) -> ScriptedChatModel:
    """A model that gives ``values``: JSON of what is no text."""
    values = values or ({"say": "Nobody asked."},)
    return ScriptedChatModel(
        replies=[v if isinstance(v, str | dict) and "say" in v else json.dumps(v) for v in values]
    )


def cited(text: str, *numbers: int) -> dict[str, Any]:
    """An answer of one sentence."""
    return {"sentences": [{"text": text, "sources": list(numbers)}]}


class Failing(Handler):
    """Fails the calls of ``kind`` with the numbers ``numbers``, from 1."""

    def __init__(self, kind: str, *numbers: int, error: Exception | None = None) -> None:
        self._kind, self._numbers, self._count = kind, numbers, 0
        self._error = error or Unreachable("no connection")

    def call(self, call: Call, proceed: Any) -> Any:
        self._look(call)
        return proceed()

    def stream(self, call: Call, proceed: Any) -> Any:
        self._look(call)
        yield from proceed()

    def _look(self, call: Call) -> None:
        if call.kind == self._kind:
            self._count += 1
            if self._count in self._numbers:
                raise self._error
