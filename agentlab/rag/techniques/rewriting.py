"""Query rewriting: what was said, as a question that stands alone.

Source: Ma et al., "Query Rewriting for Retrieval-Augmented Large Language Models", EMNLP 2023.
"""

from __future__ import annotations

import re
from typing import Any

from langchain_core.runnables import Runnable

from agentlab.events import Warned
from agentlab.rag.quoting import words_of
from agentlab.rag.techniques.control import Control, object_of, text_of
from agentlab.rag.techniques.evidence import different, fused
from agentlab.rag.techniques.plan import Node
from agentlab.rag.techniques.sharing import shown_history
from agentlab.rag.techniques.steps import Steps, act, ask, is_survivable, together
from agentlab.rag.techniques.technique import Found, Simple, Task, Technique, planned, technique_of

PROMPT = "rag/rewrite"
ORIGINAL = 0.5  # the weight of what was found for the words as they were said
_LONG = 25  # words: a question of more is worth making shorter
_SHORT = 12  # words: only a remark this short can need no search
_ASKS = re.compile(
    r"\?|^\W*(who|whom|whose|what|when|where|which|why|how|is|are|was|were|do|does|did|can|could|"
    r"should|will|would|tell|explain|compare|list|find|show|give|name|describe)\b",
    re.IGNORECASE,
)


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
    the original words find is kept, with ``weight`` against 1 of the rewritten ones. A remark that
    needs no search ("Thanks!") is told as such.

    Args:
        model: a chat model or its spec.
        retriever: any of LangChain's, an index or a technique. Without one the result of
            ``invoke`` is the query: ``{"question", "query", "search", "changed"}``.
        direct: answers, given ``input`` and ``history``, what needs no search.

    Raises:
        ConfigError: something given is of the wrong kind.
    """
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
            return (yield from self.inner.steps(task))
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
            return (yield from self.inner.steps(task.below(node)))
        if self._writes_only:
            return Found()
        return (yield from self._both(task, node, query))

    def _both(self, task: Task, node: Node, query: str) -> Steps[Found]:
        """What is found for the query, and for the words as they were said."""
        asked = self.inner.steps(task.below(node, query))
        said = Simple(self._plain()).steps(task.below(node)) if self._weight else None
        if said is None:
            return (yield from asked)
        new, old = yield from together([asked, said])
        if isinstance(new, Exception):
            raise new
        if isinstance(old, Exception) or new.answer is not None or new.declined:
            return new
        k = max(len(new.documents), len(old.documents))
        documents = fused([new.documents, old.documents], [1.0, self._weight], k)
        return Found(documents, routes=new.routes, joint=new.joint)

    def _plain(self) -> Any:
        """The retriever at the bottom."""
        inner: Any = self.inner
        while not isinstance(inner, Simple) and hasattr(inner, "inner"):
            inner = inner.inner
        return inner.retriever if isinstance(inner, Simple) else inner

    def _told(self, task: Task) -> Steps[Found]:
        if self._direct is None:
            return Found(declined="no search is needed")
        said = {"input": task.question, "history": list(task.history)}
        answer = yield from act(self._direct, said)
        return Found(answer=str(getattr(answer, "text", answer)))


def needs_rewriting(task: Task) -> bool:
    """Whether the question may lean on something, or is long, or is a remark."""
    words = task.question.split()
    if task.history or len(words) > _LONG:
        return True
    return may_skip(task.question) or len(re.findall(r"[.!?]\s+\S", task.question)) > 0


def may_skip(question: str) -> bool:
    """Whether it could be a remark that asks nothing."""
    return len(question.split()) <= _SHORT and not _ASKS.search(question)


def _values(task: Task) -> dict[str, Any]:
    return {"question": task.question, "conversation": shown_history(task.history)}


def _schema(question: str) -> dict[str, Any]:
    query = text_of("the question, so that it stands alone", 300)
    if may_skip(question):
        search = {"type": "boolean", "description": "whether anything is to be looked up"}
        return object_of("rewritten", "A query.", search=search, query=query)
    return object_of("rewritten", "A query.", query=query)


def _kept(query: str, task: Task) -> str:
    """The query, or the question where the query is empty, made up, or says the same."""
    query = " ".join(query.split())
    known = words_of(" ".join([task.question, *(str(m.text) for m in task.history)]))
    words = words_of(query)
    if not words or len(words & known) * 2 < len(words):
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
