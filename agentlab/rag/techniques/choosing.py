"""``auto``: each question gets what it needs, so that a simple one costs one search.

Source: Jeong et al., "Adaptive-RAG: Learning to Adapt Retrieval-Augmented Large Language Models
through Question Complexity", NAACL 2024.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.runnables import Runnable

from agentlab.events import Warned
from agentlab.rag.techniques.control import Control, object_of
from agentlab.rag.techniques.hopping import PROMPT as HOP_PROMPT
from agentlab.rag.techniques.hopping import MultiHop
from agentlab.rag.techniques.kinds import Kind, is_english, kind_of
from agentlab.rag.techniques.querying import multi_query
from agentlab.rag.techniques.rewriting import Rewrite, rewrite
from agentlab.rag.techniques.steps import Steps, ask, is_survivable
from agentlab.rag.techniques.technique import Found, Task, Technique, planned, technique_of
from agentlab.rag.values import check_number
from agentlab.untrusted import neutralise

PROMPT = "rag/kind"


def auto(
    model: Any,
    retriever: Any,
    *,
    min_similarity: float | None = None,
    max_hops: int = 3,
    n: int = 3,
    k: int = 10,
    direct: Runnable[Any, Any] | None = None,
) -> Rewrite:
    """Chooses by the kind of the question:

    =============================  =========================================================
    a single fact                  one search
    a comparison                   :func:`multi_query`
    one thing that leads to others :func:`multi_hop`
    chatty, or of a conversation   :func:`rewrite`, then one of these
    a remark                       no search
    out of scope                   declined by ``min_similarity``
    =============================  =========================================================

    The kind is told by English signs, without asking a model; of a question that looks to be in
    another language, the model chooses it.

    Args:
        model: a chat model or its spec.
        retriever: any of LangChain's, an index or a technique.
        min_similarity: where the best document that was found is less similar (by its
            ``similarity`` or ``score``, which are cosines unless it was reranked or found by
            keywords), the question is declined; None declines none.
        max_hops: of a chain.
        n: queries of a comparison.
        k: how many documents of a chain are kept.
        direct: answers what needs no search.

    Raises:
        ConfigError: a value is wrong.
    """
    if min_similarity is not None:
        check_number("min_similarity", min_similarity)
    inner = technique_of(retriever)
    ways: dict[Kind, Technique] = {
        "single": inner,
        "comparison": multi_query(model, inner, n),
        "chain": MultiHop(Control(model, HOP_PROMPT), inner, max_hops, k=k),
    }
    return rewrite(model, Chooser(ways, min_similarity, Control(model, PROMPT)), direct=direct)


class Chooser(Technique):
    """See :func:`auto`."""

    def __init__(
        self, ways: dict[Kind, Technique], min_similarity: float | None, control: Control
    ) -> None:
        self.name = "auto"
        self.inner = ways["single"]
        self._ways = ways
        self._min_similarity = min_similarity
        self._control = control

    @property
    def parts(self) -> Sequence[Technique]:
        """See :class:`Technique`."""
        return list(self._ways.values())

    def steps(self, task: Task) -> Steps[Found]:
        """See :class:`Technique`."""
        kind = yield from self._kind(task)
        node = task.node.add("kind", task.question, kind)
        yield planned(node, task.node)
        found = yield from self._ways[kind].within(task.below(node))
        least = self._min_similarity
        if least is not None and found.answer is None and not found.declined:
            values = [
                d.metadata.get("similarity", d.metadata.get("score")) for d in found.documents
            ]
            known = [value for value in values if isinstance(value, int | float)]
            if known and max(known) < least:
                return Found(declined="no document is near the question", routes=found.routes)
        return found

    def _kind(self, task: Task) -> Steps[Kind]:
        """By its signs; of a question in another language, by the model."""
        if is_english(task.question) or not task.spent.ask():
            return kind_of(task.question)
        kinds = {"type": "string", "enum": list(self._ways)}
        schema = object_of("kind", "What kind the question is.", kind=kinds)
        values = {"question": neutralise(task.question)}
        try:
            value = yield from ask(self._control, PROMPT, values, schema)
        except Exception as error:
            if not is_survivable(error):
                raise
            yield Warned(f"the kind of the question is not known: {error}")
            return kind_of(task.question)
        kind: Kind = value["kind"]
        return kind
