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
_SHOWN = 1_500  # characters of a document: a chunk of the default size is whole
_LEAST = 600  # characters of one, of however many
_ALL = 6_000  # characters of all that are shown at once, or a small context is full


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
    """The documents' texts, in their order, as a model may read them.

    Where they are too much together, the longest ones are cut.
    """
    sources = number(documents)
    most = _share([len(source.text) for source in sources])
    return [
        wrap(shorten(source.text, most), source.title or source.file or "document")
        for source in sources
    ]


def _share(lengths: Sequence[int]) -> int:
    """How many characters of each text are shown, so that they are ``_ALL`` together."""
    left, share = _ALL, _SHOWN
    for place, length in enumerate(sorted(lengths)):
        share = left // (len(lengths) - place)
        if length > share:
            break
        left -= length
        share = _SHOWN
    return min(_SHOWN, max(_LEAST, share))
