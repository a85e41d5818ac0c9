"""Corrective retrieval: weak evidence is noticed, and searched for again or declined.

Source: Yan et al., "Corrective Retrieval Augmented Generation", 2024.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from langchain_core.documents import Document

from agentlab.errors import ConfigError
from agentlab.events import Warned
from agentlab.rag.techniques.control import Control, list_of, object_of, text_of
from agentlab.rag.techniques.evidence import different, ids_of, key_of
from agentlab.rag.techniques.sharing import shown_documents
from agentlab.rag.techniques.steps import Steps, ask, is_survivable
from agentlab.rag.techniques.technique import Found, Task, Technique, planned, technique_of

PROMPT = "rag/grade"
_READ = 6  # documents that are graded
_QUERY = 150  # characters


def corrective(model: Any, retriever: Any, rounds: int = 1, *, decline: bool = True) -> Corrective:
    """Has the model grade what was found; what is not enough is searched for by another query.

    Args:
        model: a chat model or its spec.
        retriever: any of LangChain's, an index or a technique.
        rounds: how often it is searched again, from 0 to 5.
        decline: find nothing where no document was graded as relevant after the last round; else
            what was found first is given.

    Raises:
        ConfigError: a value is wrong.
    """
    if isinstance(rounds, bool) or not isinstance(rounds, int) or not 0 <= rounds <= 5:
        raise ConfigError(f"rounds must be a whole number from 0 to 5, not {rounds!r}")
    return Corrective(Control(model, PROMPT), technique_of(retriever), rounds, decline)


class Corrective(Technique):
    """See :func:`corrective`."""

    def __init__(self, control: Control, inner: Technique, rounds: int, decline: bool) -> None:
        self.name = "corrective"
        self.inner = inner
        self._control = control
        self._rounds = rounds
        self._decline = decline

    def steps(self, task: Task) -> Steps[Found]:
        """See :class:`Technique`."""
        found = yield from self.inner.steps(task)
        first, good = found.documents, list[Document]()
        asked, parent, fresh = [task.question], task.node, found.documents
        for round_ in range(self._rounds + 1):
            if found.answer is not None or found.declined or not fresh or not task.spent.ask():
                break
            node = parent.add("grade", task.question)
            try:
                enough, relevant, query = yield from self._graded(task, fresh)
            except Exception as error:
                if not is_survivable(error):
                    raise
                yield Warned(f"what was found was not graded: {error}")
                node.note = "the model failed"
                yield planned(node, parent)
                return replace(found, documents=_distinct([*good, *fresh]))
            good += relevant
            node.found = ids_of(relevant)
            queries = different([query], asked)
            again = not enough and round_ < self._rounds and bool(queries)
            node.note = f"{len(relevant)} of {len(fresh[:_READ])} relevant"
            node.note += f"; again: {queries[0]}" if again else ""
            yield planned(node, parent)
            if not again or task.spent.is_searched_out:
                break
            asked += queries
            more = yield from self.inner.steps(task.below(node, queries[0]))
            known = {key_of(d) for d in [*first, *good]}
            fresh = [d for d in more.documents if key_of(d) not in known]
            parent = node
        if found.answer is not None or found.declined or not first:
            return found
        if not good and self._decline:
            return Found(declined="no document answers the question", routes=found.routes)
        return replace(found, documents=_distinct(good) or first)

    def _graded(
        self, task: Task, documents: Sequence[Document]
    ) -> Steps[tuple[bool, list[Document], str]]:
        read = [d for d in _distinct(documents) if d.page_content.strip()][:_READ]
        if not read:
            return False, [], ""
        numbers = list(range(1, len(read) + 1))
        schema = object_of(
            "grades",
            "Which documents are relevant.",
            relevant=list_of(
                {"type": "integer", "enum": numbers}, len(read), "numbers of relevant documents"
            ),
            enough={"type": "boolean", "description": "whether they answer the question"},
            query=text_of("another query for what is missing", _QUERY),
        )
        values = {"question": task.question, "context": shown_documents(read)}
        value = yield from ask(self._control, PROMPT, values, schema)
        chosen = [read[n - 1] for n in sorted(set(value["relevant"]))]
        return bool(value["enough"]) and bool(chosen), chosen, str(value["query"])


def _distinct(documents: Sequence[Document]) -> list[Document]:
    return list({key_of(d): d for d in documents}.values())
