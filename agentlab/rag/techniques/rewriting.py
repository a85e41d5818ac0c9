"""Query rewriting: what was said, as a question that stands alone.

Source: Ma et al., "Query Rewriting for Retrieval-Augmented Large Language Models", EMNLP 2023.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from langchain_core.documents import Document
from langchain_core.runnables import Runnable

from agentlab.events import Warned
from agentlab.rag.quoting import words_of
from agentlab.rag.sentences import sentence_spans
from agentlab.rag.techniques.control import Control, object_of, text_of
from agentlab.rag.techniques.direct import Direct
from agentlab.rag.techniques.evidence import different, fused
from agentlab.rag.techniques.plan import Node
from agentlab.rag.techniques.remarks import is_remark
from agentlab.rag.techniques.sharing import shown_history
from agentlab.rag.techniques.steps import Steps, act, ask, is_survivable, together
from agentlab.rag.techniques.technique import Found, Task, Technique, planned, technique_of
from agentlab.rag.values import check_number

PROMPT = "rag/rewrite"
ORIGINAL = 0.5  # the weight of what was found for the words as they were said
_LONG = 25  # words: a question of more is worth making shorter
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def rewrite(
    model: Any,
    retriever: Any = None,
    *,
    weight: float = ORIGINAL,
    direct: Runnable[Any, Any] | None = None,
) -> Rewrite:
    """Turns what was said into a query that stands alone, then searches for it.

    A long or chatty question is made short, one that leans on the conversation ("and the second
    one?") is filled in. What stands alone already is left as it is, without asking the model. What
    the original words find is kept, with ``weight`` against 1 of the rewritten ones; where routes
    are chosen or an agent searches, they are looked up plainly, in the sources that were taken. A
    remark that needs no search, a greeting or thanks in a few words, is told as such.

    Args:
        model: a chat model or its spec.
        retriever: any of LangChain's, an index or a technique. Without one the result of
            ``invoke`` is the query: ``{"question", "query", "search", "changed"}``.
        weight: from 0, which leaves the original words out.
        direct: answers, given ``input`` and ``history``, what needs no search.

    Raises:
        ConfigError: something given is of the wrong kind.
    """
    check_number("weight", weight, 0, 10)
    return Rewrite(Control(model, PROMPT), retriever, weight, direct)


class Rewrite(Technique):
    """See :func:`rewrite`."""

    def __init__(
        self, control: Control, retriever: Any, weight: float, direct: Runnable[Any, Any] | None
    ) -> None:
        self.name = "rewrite"
        self.inner = technique_of(retriever if retriever is not None else _Nothing())
        self._writes_only = retriever is None
        self._control = control
        self._weight = weight
        self._direct = direct

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        """The documents; without a retriever the query."""
        found = self.search(input, config, **kwargs)
        return _query_of(found) if self._writes_only else found.documents

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        """:meth:`invoke`, asynchronously."""
        found = await self.asearch(input, config, **kwargs)
        return _query_of(found) if self._writes_only else found.documents

    def steps(self, task: Task) -> Steps[Found]:
        """See :class:`Technique`."""
        if not needs_rewriting(task) or not task.spent.ask():
            return (yield from self.inner.within(task))
        node = task.node.add("rewrite", task.question)
        try:
            value = yield from ask(self._control, PROMPT, _values(task), _schema(task.question))
        except Exception as error:
            if not is_survivable(error):
                raise
            yield Warned(f"the question was not rewritten: {error}")
            value = {"query": task.question}
        query = _kept(str(value["query"]), task)
        if value.get("search") is False:
            node.note = "no search is needed"
            yield planned(node, task.node)
            return (yield from self._told(task))
        node.note = query if query != task.question else "unchanged"
        yield planned(node, task.node)
        if query == task.question:
            return (yield from self.inner.within(task.below(node)))
        if self._writes_only:
            return Found()
        return (yield from self._both(task, node, query))

    def _both(self, task: Task, node: Node, query: str) -> Steps[Found]:
        """What is found for the query, and for the words as they were said."""
        said = self.inner.bottom() if self._weight else []
        asked = [self.inner.within(task.below(node, query, aside=False))]
        new, *old = yield from together([*asked, *(one.steps(task.below(node)) for one in said)])
        if isinstance(new, Exception):
            if not any(getattr(one, "documents", ()) for one in old):
                raise new
            yield Warned(
                f"the search for the rewritten question failed: {new}",
                hint="what the question itself finds is used",
            )
            new = Found()
        if new.answer is not None or new.declined or not self._weight:
            return new
        if not said and new.documents:  # it is known by now which sources were taken
            said = self.inner.bottom(new.routes)
            old = yield from together([one.steps(task.below(node)) for one in said])
        return replace(new, documents=self._fused(new.documents, old))

    def _fused(self, new: list[Document], old: Sequence[Found | Exception]) -> list[Document]:
        rankings = [one.documents for one in old if isinstance(one, Found)]
        weights = [1.0, *(self._weight for _ in rankings)]
        return fused([new, *rankings], weights, max(map(len, [new, *rankings])))

    def _told(self, task: Task) -> Steps[Found]:
        if self._direct is None:
            return Found(declined="no search is needed")
        said = {"input": task.question, "history": list(task.history)}
        answer = yield from act(self._direct, said, tokens=isinstance(self._direct, Direct))
        return Found(answer=str(getattr(answer, "text", answer)))


def needs_rewriting(task: Task) -> bool:
    """Whether the question may lean on something, or is long, or is a remark."""
    if task.history or len(task.question.split()) > _LONG:
        return True
    return is_remark(task.question) or len(sentence_spans(task.question)) > 1


def _values(task: Task) -> dict[str, Any]:
    return {"question": task.question, "conversation": shown_history(task.history)}


def _schema(question: str) -> dict[str, Any]:
    query = text_of("the question, so that it stands alone", 300)
    if is_remark(question):
        search = {"type": "boolean", "description": "whether anything is to be looked up"}
        return object_of("rewritten", "A query.", search=search, query=query)
    return object_of("rewritten", "A query.", query=query)


def _kept(query: str, task: Task) -> str:
    """The query, or the question where the query is empty, made up, or says the same.

    One with a number that nobody said is made up.
    """
    query = " ".join(query.split())
    known = words_of(" ".join([task.question, *(str(m.text) for m in task.history)]))
    words, numbers = words_of(query), words_of(" ".join(_NUMBER.findall(query)))
    if not words or len(words & known) * 2 < len(words) or not numbers <= known:
        return task.question
    return query if different([query], [task.question]) else task.question


class _Nothing(Technique):
    """Searches nothing: the query is what is wanted."""

    name = "nothing"

    def steps(self, task: Task) -> Steps[Found]:
        yield from ()
        return Found()


def _query_of(found: Found) -> dict[str, Any]:
    plan = found.plan
    node = next((n for n in plan["children"] if n["kind"] == "rewrite"), None)
    note = node["note"] if node else "unchanged"
    search = not found.declined and found.answer is None
    query = plan["text"] if note == "unchanged" or not search else note
    return {
        "question": plan["text"],
        "query": query,
        "search": search,
        "changed": query != plan["text"],
    }
