"""Links: documents about what the best documents name, found without a model.

A question that describes one thing by another ("the director of Gull") finds the document of the
other; that one names the thing. Sources: Asai et al., "Learning to Retrieve Reasoning Paths over
Wikipedia Graph for Question Answering", ICLR 2020, which follows hyperlinks; here names are looked
up, as text has no links.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.documents import Document

from agentlab.events import Warned
from agentlab.rag.quoting import words_of
from agentlab.rag.techniques.evidence import different, interleaved, key_of
from agentlab.rag.techniques.names import names_in
from agentlab.rag.techniques.plan import Node
from agentlab.rag.techniques.steps import Steps, together
from agentlab.rag.techniques.technique import (
    Found,
    Simple,
    Task,
    Technique,
    planned,
    technique_of,
)
from agentlab.rag.values import check_whole

READ = 2  # documents whose names are looked up
MOST = 16  # names; a search each
_FOUND = 2  # of what is found for a name, so many can be about it


def links(retriever: Any, *, read: int = READ, most: int = MOST, k: int | None = None) -> Links:
    """Adds the documents about what the best ones name, and asks no model.

    The names in the first ``read`` documents, and in the question, are searched for, at most
    ``most``, by the plain search at the bottom of other techniques; a document whose title is such
    a name is linked. Of the linked ones those come first that share most words with the question;
    they are interleaved with what the question found.
    Documents need titles (``metadata["title"]``); where they have none, nothing is linked.

    Args:
        retriever: any of LangChain's, an index or a technique.
        read: how many of the documents found are looked through for names.
        most: how many names are looked up.
        k: how many documents are kept; as many as the question found if None.

    Raises:
        ConfigError: a value is wrong.
    """
    return Links(retriever, read, most, k)


class Links(Technique):
    """See :func:`links`."""

    def __init__(
        self, retriever: Any, read: int = READ, most: int = MOST, k: int | None = None
    ) -> None:
        for name, value in (("read", read), ("most", most), ("k", 1 if k is None else k)):
            check_whole(name, value, 1, 999)
        self.name = "links"
        self.inner = technique_of(retriever)
        self._read, self._most, self._k = read, most, k

    def steps(self, task: Task) -> Steps[Found]:
        """See :class:`Technique`."""
        found = yield from self.inner.within(task)
        if found.answer is not None or found.declined:
            return found
        searches = self.inner.bottom(found.routes)
        linked = yield from linked_to(
            task, task.node, searches, found.documents, self._read, self._most
        )
        k = self._k or len(found.documents)
        documents = interleaved([found.documents, linked], k)
        return Found(documents, routes=found.routes, joint=found.joint or bool(linked))


def linked_to(
    task: Task,
    parent: Node,
    searches: Sequence[Simple],
    documents: Sequence[Document],
    read: int = READ,
    most: int = MOST,
) -> Steps[list[Document]]:
    """The documents about what the question and the first ``read`` of ``documents`` name, those
    first that share most words with the question.

    A name needs no more than one of the plain ``searches``.
    """
    first = documents[:read]
    titles = [_title(document) for document in first]
    if not any(titles):
        return []
    names = names_in([task.question, *(d.page_content for d in first)])
    names = different(names, [task.question, *titles])[:most]
    if not names or not searches:
        return []
    node = parent.add("links", task.question)
    asked = [(name, search) for name in names for search in searches][:most]
    results = yield from together([one.steps(task.below(node, name)) for name, one in asked])
    known = {key_of(document) for document in first}
    linked: dict[str, Document] = {}
    for (name, _), result in zip(asked, results, strict=True):
        if isinstance(result, Exception):
            yield Warned(f"a search for a name failed: {result}")
            continue
        for document in result.documents[:_FOUND]:
            if key_of(document) not in known and _is_about(document, name):
                linked.setdefault(key_of(document), document)
    wanted = words_of(task.question)
    best = sorted(linked.values(), key=lambda d: -len(wanted & words_of(d.page_content)))
    node.note = f"{len(best)} of {len(names)} names have a document"
    yield planned(node, parent)
    return best


def _is_about(document: Document, name: str) -> bool:
    """Whether the title is the name, or one is a part of the other."""
    title, words = words_of(_title(document)), words_of(name)
    return bool(title and words) and (words <= title or title <= words)


def _title(document: Document) -> str:
    return str(document.metadata.get("title") or "")
