"""Multi-hop: search, see what is still missing, search for that.

Sources: Trivedi et al., "Interleaving Retrieval with Chain-of-Thought Reasoning for
Knowledge-Intensive Multi-Step Questions" (IRCoT), ACL 2023; Press et al., "Measuring and Narrowing
the Compositionality Gap in Language Models" (self-ask), EMNLP Findings 2023.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.documents import Document

from agentlab.events import Warned
from agentlab.rag.answer import Rag, create_rag
from agentlab.rag.techniques.budget import Budget, budget_of
from agentlab.rag.techniques.control import Control, list_of, object_of, text_of
from agentlab.rag.techniques.evidence import different, has_made_up_name, interleaved, key_of
from agentlab.rag.techniques.kinds import is_english
from agentlab.rag.techniques.linking import MOST, linked_to
from agentlab.rag.techniques.sharing import shown_documents
from agentlab.rag.techniques.steps import Steps, ask, is_survivable, together
from agentlab.rag.techniques.targets import evidence_of
from agentlab.rag.techniques.technique import Found, Task, Technique, planned, technique_of
from agentlab.rag.values import check_whole

PROMPT = "rag/hop"
FAN_OUT = 3
_FACT, _QUERY = 240, 150  # characters
_READ = 3  # documents of each search that the model is shown


def multi_hop(
    model: Any,
    retriever: Any,
    max_hops: int = 3,
    budget: Budget | None = None,
    *,
    min_hops: int = 2,
    fan_out: int = FAN_OUT,
    links: int = MOST,
    k: int = 10,
    **answering: Any,
) -> Rag:
    """Answers questions whose answer is in several documents, one of which leads to the next.

    After each hop the model says what the documents tell and what is still missing, as queries
    with what is known filled in; it may ask several at once. It ends when nothing is missing, when
    no query is new, when nothing new is found, after ``max_hops``, or with its ``budget``. What
    the first documents name is looked up without the model, see :func:`links`. The evidence is
    interleaved: each hop has its share of it, the links have theirs, and in a hop each search. The
    result is that of :func:`~agentlab.rag.create_rag` with ``plan``: the tree of hops.
    ``.retriever`` is the search alone, for other techniques.

    Args:
        model: a chat model or its spec.
        retriever: any of LangChain's, an index or a technique.
        max_hops: rounds of searches, from 1.
        budget: calls, searches, tokens and seconds; :class:`Budget` has the defaults.
        min_hops: before that many hops the model has to ask for something: small ones think too
            soon that they know enough.
        fan_out: the most queries of a hop, up to 8.
        links: the most names that are looked up after the first search; 0 for none.
        k: how many documents are kept.
        answering: options of :func:`~agentlab.rag.create_rag`.

    Raises:
        ConfigError: a value is wrong.
    """
    hops = MultiHop(
        Control(model, PROMPT),
        technique_of(retriever),
        max_hops,
        budget,
        fan_out,
        k,
        min_hops,
        links,
    )
    return create_rag(model, hops, **answering)


class MultiHop(Technique):
    """See :func:`multi_hop`."""

    def __init__(
        self,
        control: Control,
        inner: Technique,
        max_hops: int = 3,
        budget: Budget | Mapping[str, Any] | None = None,
        fan_out: int = FAN_OUT,
        k: int = 10,
        min_hops: int = 2,
        links: int = MOST,
    ) -> None:
        for name, value, least, most in (
            ("max_hops", max_hops, 1, 20),
            ("fan_out", fan_out, 1, 8),
            ("min_hops", min_hops, 1, 20),
            ("links", links, 0, 99),
            ("k", k, 1, 999),
        ):
            check_whole(name, value, least, most)
        self.name = "multi-hop"
        self.inner = inner
        self.budget = budget_of(budget)
        self._control = control
        self._max_hops = max_hops
        self._min_hops = min_hops
        self._fan_out = fan_out
        self._links = links
        self._k = k

    def steps(self, task: Task) -> Steps[Found]:
        """See :class:`Technique`."""
        rankings: list[list[Document]] = []
        asked, facts, parent = [task.question], list[str](), task.node
        routes: dict[str, None] = {}
        queries = [task.question]
        for hop in range(1, self._max_hops + 1):
            node = parent.add("hop", f"hop {hop}")
            known = {key_of(d) for ranking in rankings for d in ranking}
            results = yield from together(
                [self.inner.within(task.below(node, q if hop > 1 else None)) for q in queries]
            )
            fresh = yield from self._taken(results, rankings, first=hop == 1)
            if isinstance(fresh, Found):
                return fresh
            routes.update((r, None) for one in results for r in getattr(one, "routes", ()))
            if hop == 1 and self._links:
                searches = self.inner.bottom(tuple(routes))
                linked = yield from linked_to(task, node, searches, fresh, most=self._links)
                rankings += [linked] if linked else []
                fresh = interleaved([fresh, linked], _READ)
            ended = ""
            if not any(key_of(d) not in known for d in fresh):
                ended = "nothing new was found"
            elif hop == self._max_hops:
                ended = "the last hop"
            elif task.spent.is_searched_out or not task.spent.ask():
                ended = "the budget is spent"
            if not ended:
                queries, ended = yield from self._missing(
                    task, fresh, facts, asked, must=hop < self._min_hops
                )
                asked += queries
            node.note = ended or "; ".join(queries)
            if facts:
                node.note = f"{facts[-1]} | {node.note}"
            yield planned(node, parent)
            parent = node
            if ended:
                break
        documents = interleaved(rankings, self._k)
        return Found(documents, routes=tuple(routes), joint=len(rankings) > 1)

    def _taken(
        self, results: list[Any], rankings: list[list[Document]], *, first: bool
    ) -> Steps[list[Document] | Found]:
        """Keep what was found; the documents of this hop, interleaved.

        A search that failed in a later hop is told; the evidence so far is kept.
        """
        new = []
        for result in results:
            if isinstance(result, Exception):
                if first:
                    raise result
                yield Warned(f"a search failed: {result}", hint="what was found before is used")
            elif first and (result.answer is not None or result.declined):
                return result  # type: ignore[no-any-return]
            elif evidence := evidence_of(result):
                new.append(evidence)
        rankings += [interleaved(new)] if new else []
        return interleaved(new, _READ * max(1, len(new)))

    def _missing(
        self,
        task: Task,
        fresh: Sequence[Document],
        facts: list[str],
        asked: Sequence[str],
        *,
        must: bool,
    ) -> Steps[tuple[list[str], str]]:
        """The queries of the next hop, or why there is none."""
        values = {
            "question": task.question,
            "context": shown_documents(fresh),
            "facts": list(facts),
            "asked": list(asked[1:]),
        }
        try:
            value = yield from ask(self._control, PROMPT, values, self._schema(must))
        except Exception as error:
            if not is_survivable(error):
                raise
            yield Warned(f"what is missing is not known: {error}", hint="the search ends here")
            return [], "the model failed"
        read = [f"{d.metadata.get('title', '')} {d.page_content}" for d in fresh]
        known = "\n".join([task.question, *facts, *read])
        fact = " ".join(str(value["fact"]).split())
        if len(str(value["fact"])) >= _FACT:
            fact += "…"  # its room ended it, not the model
        # Elsewhere a capital need not be that of a name.
        checked = is_english(task.question)
        if fact and not (checked and has_made_up_name(fact, known)):
            facts.append(fact)
        written = [str(query) for query in value["queries"]]
        good = [q for q in written if not (checked and has_made_up_name(q, known))]
        queries = different(good, asked)
        if queries:
            return queries, ""
        return [], "no new query" if value["queries"] else "enough is known"

    def _schema(self, must: bool) -> dict[str, Any]:
        return object_of(
            "hop",
            "What the documents tell, and what is still to be searched.",
            fact=text_of("what the documents tell that leads to the answer", _FACT),
            queries=list_of(
                text_of("a search query for what is missing", _QUERY),
                self._fan_out,
                "what is still to be searched" + ("" if must else "; empty when enough is known"),
                int(must),
            ),
        )
