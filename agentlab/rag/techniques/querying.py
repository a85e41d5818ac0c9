"""Multi-query: the question asked in several ways, what each finds fused.

Sources: Rackauckas, "RAG-Fusion: a New Take on Retrieval-Augmented Generation", 2024; Gao et al.,
"Precise Zero-Shot Dense Retrieval without Relevance Labels" (HyDE), ACL 2023; Zheng et al., "Take a
Step Back: Evoking Reasoning via Abstraction in Large Language Models", ICLR 2024.
"""

from __future__ import annotations

from typing import Any

from agentlab.errors import ConfigError
from agentlab.events import Warned
from agentlab.rag.techniques.control import Control, list_of, object_of, text_of
from agentlab.rag.techniques.evidence import different, fused
from agentlab.rag.techniques.steps import Steps, ask, together
from agentlab.rag.techniques.targets import evidence_of
from agentlab.rag.techniques.technique import Found, Task, Technique, planned, technique_of
from agentlab.rag.values import check_number, check_whole

PROMPT = "rag/multi_query"
HYDE_PROMPT = "rag/hyde"
STEP_BACK_PROMPT = "rag/step_back"
MOST = 8
_QUERY, _PASSAGE = 150, 500  # characters


def multi_query(
    model: Any,
    retriever: Any,
    n: int = 3,
    *,
    hyde: bool = False,
    step_back: bool = False,
    weight: float = 0.5,
    k: int | None = None,
) -> MultiQuery:
    """Searches for the question and for up to ``n`` others that ask its parts, or it otherwise.

    The queries are decoded as a list, so no line of prose can be one. The question itself is
    always searched; near-duplicates are dropped; all are searched at once, and fused by weighted
    reciprocal rank fusion.

    Args:
        model: a chat model or its spec.
        retriever: any of LangChain's, an index or a technique.
        n: the most queries beside the question, up to 8; 0 with ``hyde`` or ``step_back`` alone.
        hyde: search for a passage too that the model makes up as an answer (HyDE).
        step_back: search for a more general question too.
        weight: of each query, where the question has 1.
        k: how many documents; as many as the longest search found if None.

    Raises:
        ConfigError: a value is wrong.
    """
    check_whole("n", n, 0, MOST)
    if not n and not hyde and not step_back:
        raise ConfigError("multi_query has nothing to ask", hint="give n, hyde or step_back")
    check_number("weight", weight, 0, 10, above=True)
    if k is not None:
        check_whole("k", k, 1)
    return MultiQuery(
        Control(model, PROMPT, HYDE_PROMPT, STEP_BACK_PROMPT),
        technique_of(retriever),
        n,
        hyde,
        step_back,
        weight,
        k,
    )


class MultiQuery(Technique):
    """See :func:`multi_query`."""

    def __init__(
        self,
        control: Control,
        inner: Technique,
        n: int,
        hyde: bool,
        step_back: bool,
        weight: float,
        k: int | None,
    ) -> None:
        self.name = "multi-query"
        self.inner = inner
        self._control = control
        self._n = n
        self._hyde = hyde
        self._step_back = step_back
        self._weight = weight
        self._k = k

    def steps(self, task: Task) -> Steps[Found]:
        """See :class:`Technique`."""
        node = task.node.add("multi-query", task.question)
        written = yield from together([step for step in self._writers(task) if task.spent.ask()])
        queries: list[str] = []
        for value in written:
            if isinstance(value, Exception):
                yield Warned(f"some queries were not written: {value}")
            else:
                queries += value
        queries = different(queries, [task.question])
        node.note = f"{len(queries)} more queries"
        yield planned(node, task.node)
        below = [task.below(node), *(task.below(node, query) for query in queries)]
        results = yield from together([self.inner.within(one) for one in below])
        return (yield from self._fused(results))

    def _fused(self, results: list[Any]) -> Steps[Found]:
        rankings, weights = [], []
        for place, result in enumerate(results):
            if isinstance(result, Exception):
                yield Warned(f"a search failed: {result}")
                continue
            if place == 0 and (result.answer is not None or result.declined):
                return result  # type: ignore[no-any-return]
            if result.declined:
                continue
            rankings.append(evidence_of(result))
            weights.append(1.0 if place == 0 else self._weight)
        if not rankings:
            errors = [result for result in results if isinstance(result, Exception)]
            raise errors[0]
        k = self._k or max(map(len, rankings))
        routes = tuple(dict.fromkeys(r for one in results for r in getattr(one, "routes", ())))
        joint = any(getattr(one, "joint", False) for one in results)
        return Found(fused(rankings, weights, k), routes=routes, joint=joint)

    def _writers(self, task: Task) -> list[Steps[list[str]]]:
        values = {"question": task.question}
        writers = []
        if self._n:
            query = text_of("a search query", _QUERY)
            queries = list_of(query, self._n, "queries, each different from the others", 1)
            schema = object_of("queries", "Search queries.", queries=queries)
            asked = {**values, "n": self._n}
            writers.append(self._written(PROMPT, asked, schema, "queries"))
        if self._hyde:
            passage = text_of("a passage that answers the question", _PASSAGE)
            schema = object_of("passage", "A passage.", passage=passage)
            writers.append(self._written(HYDE_PROMPT, values, schema, "passage"))
        if self._step_back:
            general = text_of("the more general question", _QUERY)
            schema = object_of("general", "A question.", question=general)
            writers.append(self._written(STEP_BACK_PROMPT, values, schema, "question"))
        return writers

    def _written(
        self, prompt: str, values: dict[str, Any], schema: dict[str, Any], key: str
    ) -> Steps[list[str]]:
        value = yield from ask(self._control, prompt, values, schema)
        given = value[key]
        return [str(one) for one in given] if isinstance(given, list) else [str(given)]
