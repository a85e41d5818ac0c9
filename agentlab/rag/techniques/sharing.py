"""What techniques show a model: a conversation, and documents marked as data."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.documents import Document
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from agentlab.rag.forms import without_marks
from agentlab.rag.sources import number
from agentlab.tools.results import shorten
from agentlab.untrusted import wrap

_TURNS = 6  # messages back
_SAID = 400  # characters of a message
_SHOWN = 600  # characters of a document


def shown_history(history: Sequence[BaseMessage]) -> list[str]:
    """The last messages, a line each."""
    lines = []
    for message in history[-_TURNS:]:
        if isinstance(message, HumanMessage | AIMessage):
            who = "User" if isinstance(message, HumanMessage) else "Assistant"
            text = " ".join(without_marks(str(message.text)).split())
            lines.append(f"{who}: {shorten(text, _SAID)}")
    return lines


def shown_documents(documents: Sequence[Document]) -> list[str]:
    """The documents' texts, in their order, as a model may read them."""
    return [
        wrap(shorten(source.text, _SHOWN), source.title or source.file or "document")
        for source in number(documents)
    ]
