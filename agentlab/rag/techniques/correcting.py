"""Corrective retrieval: weak evidence is noticed, and searched for again or declined.

Source: Yan et al., "Corrective Retrieval Augmented Generation", 2024.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_core.documents import Document

from agentlab.events import Warned
from agentlab.rag.techniques.control import Control, list_of, object_of, text_of
from agentlab.rag.techniques.evidence import different, ids_of, key_of
from agentlab.rag.techniques.sharing import shown_documents
from agentlab.rag.techniques.steps import Steps, ask, together
from agentlab.rag.techniques.targets import evidence_of
from agentlab.rag.techniques.technique import Found, Task, Technique, planned, technique_of
from agentlab.rag.values import check_whole

PROMPT = "rag/grade"
_READ = 6  # documents that are graded in one call
_QUERY = 150  # characters


def corrective(model: Any, retriever: Any, rounds: int = 1, *, decline: bool = True) -> Corrective:
    """Has the model grade what was found; what is not enough is searched for by another query.

    It grades six documents a call. What it could not, since the budget was spent or a call failed,
    is kept, behind what is relevant.

    Args:
        model: a chat model or its spec.
        retriever: any of LangChain's, an index or a technique.
        rounds: how often it is searched again, from 0 to 5.
        decline: find nothing where no document was graded as relevant after the last round; else
            what was found first is given.

    Raises:
        ConfigError: a value is wrong.
    """
    check_whole("rounds", rounds, 0, 5)
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
        found = yield from self.inner.within(task)
        first, good, unread = found.documents, list[Document](), list[Document]()
        asked, parent, fresh = [task.question], task.node, _distinct(found.documents)
        for round_ in range(self._rounds + 1):
            if found.answer is not None or found.declined or not fresh:
                break
            node = parent.add("grade", task.question)
            grades = yield from self._graded(task, fresh)
            good += grades.relevant
            unread += grades.unread
            node.found = ids_of(grades.relevant)
            if len(grades.unread) == len(fresh):
                node.note = grades.why
                yield planned(node, parent)
                break
            queries = different(grades.queries, asked)[:1]
            again = not grades.enough and round_ < self._rounds and bool(queries)
            node.note = f"{len(grades.relevant)} of {len(fresh)} relevant"
            node.note += f", {len(grades.unread)} not graded" if grades.unread else ""
            node.note += f"; again: {queries[0]}" if again else ""
            yield planned(node, parent)
            if not again or task.spent.is_searched_out:
                break
            asked += queries
            (more,) = yield from together([self.inner.within(task.below(node, queries[0]))])
            if isinstance(more, Exception):
                yield Warned(f"a search failed: {more}", hint="what was found before is used")
                break
            known = {key_of(d) for d in [*first, *good]}
            fresh = [d for d in _distinct(evidence_of(more)) if key_of(d) not in known]
            routes = tuple(dict.fromkeys([*found.routes, *more.routes]))
            found = replace(found, routes=routes, joint=found.joint or more.joint)
            parent = node
        if found.answer is not None or found.declined or not first:
            return found
        if not good and not unread and self._decline:
            return Found(declined="no document answers the question", routes=found.routes)
        if not good and not self._decline:
            unread = [*first, *unread]
        return replace(found, documents=_distinct([*good, *unread]) or first)

    def _graded(self, task: Task, documents: Sequence[Document]) -> Steps[_Grades]:
        """The grades of ``documents``, a batch at a time; what has none is ``unread``."""
        grades = _Grades()
        batches = [documents[at : at + _READ] for at in range(0, len(documents), _READ)]
        asked = [batch for batch in batches if task.spent.ask()]
        grades.unread += [d for batch in batches[len(asked) :] for d in batch]
        results = yield from together([self._batch(task, batch) for batch in asked])
        for batch, result in zip(asked, results, strict=True):
            if isinstance(result, Exception):
                yield Warned(f"what was found was not graded: {result}")
                grades.why = "the model failed"
                grades.unread += batch
                continue
            enough, relevant, query = result
            grades.enough = grades.enough or enough
            grades.relevant += relevant
            grades.queries.append(query)
        return grades

    def _batch(
        self, task: Task, documents: Sequence[Document]
    ) -> Steps[tuple[bool, list[Document], str]]:
        read = [d for d in documents if d.page_content.strip()]
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


@dataclass(slots=True)
class _Grades:
    """What came of grading: ``why`` says what hindered it where nothing was graded."""

    enough: bool = False
    relevant: list[Document] = field(default_factory=list)
    unread: list[Document] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    why: str = "not graded: the budget is spent"


def _distinct(documents: Sequence[Document]) -> list[Document]:
    return list({key_of(d): d for d in documents}.values())
