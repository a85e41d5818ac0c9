"""Agentic retrieval: a model that searches as often as it likes, in one or several indexes.

Source: Yao et al., "ReAct: Synergizing Reasoning and Acting in Language Models", ICLR 2023.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel, Field, create_model

from agentlab.agents import Limits, create_agent
from agentlab.errors import ConfigError
from agentlab.events import Warned
from agentlab.rag.techniques.evidence import ids_of, interleaved
from agentlab.rag.techniques.steps import Steps, act, is_survivable
from agentlab.rag.techniques.targets import as_documents, has_side_effects
from agentlab.rag.techniques.technique import (
    Found,
    Simple,
    Task,
    Technique,
    planned,
    technique_of,
)
from agentlab.rag.values import check_whole
from agentlab.tools import ToolPolicy, guard

TOOL = "search_documents"
_SHOWN = 1_200  # characters of a document


def search_documents(
    sources: Any, *, name: str = TOOL, descriptions: Mapping[str, str] | None = None
) -> BaseTool:
    """A tool that searches documents, for any agent.

    The model is shown the texts; the documents themselves are the ``artifact`` of the tool's
    message, for citations. An answer that needs none, as of a tool that was routed to, is a
    document itself.

    Args:
        sources: an index, a retriever or a technique; or several by name, of which the model
            chooses one each time.
        name: the tool's name.
        descriptions: what each of several sources holds.

    Raises:
        ConfigError: there is no source.
    """
    named = sources if isinstance(sources, Mapping) else {"documents": sources}
    if not named:
        raise ConfigError("there is nothing to search", hint='for example {"handbook": index}')
    techniques = {key: technique_of(source) for key, source in named.items()}
    only = next(iter(techniques)) if len(techniques) == 1 else None

    side_effects = any(has_side_effects(one) for one in techniques.values())
    # A plain retriever is asked itself, so that a recording holds its call.
    searched = {k: t.retriever if isinstance(t, Simple) else t for k, t in techniques.items()}

    def run(query: str, source: str = only or "") -> tuple[str, list[Document]]:
        one = searched[only or source]
        found = one.search(query) if isinstance(one, Technique) else Found(one.invoke(query))
        return _told(found, only or source)

    async def arun(query: str, source: str = only or "") -> tuple[str, list[Document]]:
        one = searched[only or source]
        if isinstance(one, Technique):
            return _told(await one.asearch(query), only or source)
        return _told(Found(await one.ainvoke(query)), only or source)

    about = "Search documents for what you need to know; ask for one thing at a time."
    held = [f"{key} ({(descriptions or {}).get(key, key)})" for key in techniques]
    if only is not None and only in (descriptions or {}):
        about += f" They hold: {held[0]}."
    if only is None:
        about += f" The sources are: {', '.join(held)}."
    return guard(
        StructuredTool.from_function(
            run,
            arun,
            name=name,
            description=about,
            args_schema=_arguments(list(techniques)),
            response_format="content_and_artifact",
        ),
        ToolPolicy(max_result=8_000, timeout=300, side_effects=side_effects),
    )


def agentic(
    model: Any,
    sources: Any,
    *,
    tools: Sequence[Any] = (),
    descriptions: Mapping[str, str] | None = None,
    max_steps: int = 4,
    limits: Limits | None = None,
    k: int = 10,
) -> Agentic:
    """An agent searches until it can answer; what it found is the evidence for the cited answer.

    Args:
        model: a chat model or its spec.
        sources: see :func:`search_documents`; of several by name, a technique becomes a tool of
            its own name, and a tool that may have side effects is one still.
        tools: more tools.
        descriptions: what each source holds.
        max_steps: how often it may search.
        limits: of calls, tokens and seconds.
        k: how many documents are kept.

    Raises:
        ConfigError: a value is wrong.
    """
    check_whole("k", k, 1)
    made = [*_tools(sources, descriptions), *tools]
    return Agentic(create_agent(model, made, max_steps=max_steps, limits=limits), k)


class Agentic(Technique):
    """See :func:`agentic`."""

    def __init__(self, agent: Any, k: int) -> None:
        self.name = "agentic"
        self.agent = agent
        self._k = k

    def steps(self, task: Task) -> Steps[Found]:
        """See :class:`Technique`."""
        node = task.node.add("agent", task.question)
        said = {"input": task.question, "history": list(task.history)}
        seen = _Seen()
        try:
            result = yield from act(self.agent, said, watch=seen)
        except Exception as error:
            if not is_survivable(error) or not any(seen.found):
                raise
            yield Warned(f"the agent failed: {error}", hint="what it had found is used")
            node.note = f"{len(seen.found)} searches, then it failed"
            for one in seen.found:
                node.add("search", task.question).found = ids_of(one)
            yield planned(node, task.node)
            return Found(interleaved(seen.found, self._k), joint=len(seen.found) > 1)
        rankings: list[list[Document]] = []
        calls = {c["id"]: c for m in result["messages"] for c in getattr(m, "tool_calls", ())}
        for message in result["messages"]:
            if isinstance(message, ToolMessage) and (found := _documents(message)) is not None:
                call = calls.get(message.tool_call_id, {})
                args = call.get("args", {})
                child = node.add("search", str(args.get("query", "")))
                child.found = ids_of(found)
                rankings.append(found)
                yield planned(child, node)
        node.note = f"{len(rankings)} searches"
        if result["stopped"] == "malformed":
            node.note += ", its last reply could not be read"
        elif result["stopped"]:
            node.note += f", stopped by its limit of {result['stopped']}"
        yield planned(node, task.node)
        if not rankings:  # it answered from what it knows: that is no evidence
            return Found(declined="the agent searched nothing")
        return Found(interleaved(rankings, self._k), joint=len(rankings) > 1)


class _Seen(BaseCallbackHandler):
    """Keeps what an agent's tools find, since an agent that fails has no result."""

    run_inline = True

    def __init__(self) -> None:
        self.found: list[list[Document]] = []

    def on_tool_end(self, output: Any, **kwargs: Any) -> None:
        """Keep the documents."""
        if isinstance(output, ToolMessage) and (found := _documents(output)) is not None:
            self.found.append(found)


def _tools(sources: Any, descriptions: Mapping[str, str] | None) -> list[BaseTool]:
    """A tool that searches the plain sources, and one for each technique among several."""
    if not isinstance(sources, Mapping):
        return [search_documents(sources, descriptions=descriptions)]
    named = {key: technique_of(source) for key, source in sources.items()}
    plain = {key: one for key, one in named.items() if isinstance(one, Simple)}
    made = [search_documents(plain, descriptions=descriptions)] if plain or not named else []
    taken = {TOOL}
    for key, one in named.items():
        if key not in plain:
            name = _tool_name(key, taken)
            taken.add(name)
            made.append(search_documents({key: one}, name=name, descriptions=descriptions))
    return made


def _tool_name(key: str, taken: set[str]) -> str:
    """A name for the tool of the source ``key``, of the letters that providers take."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", key)[:60]
    name = name if name.strip("_-") else "search"
    count = next(n for n in itertools.count(1) if (name if n == 1 else f"{name}_{n}") not in taken)
    return name if count == 1 else f"{name}_{count}"


def _documents(message: ToolMessage) -> list[Document] | None:
    artifact = message.artifact
    if not isinstance(artifact, list) or not all(isinstance(d, Document) for d in artifact):
        return None
    return artifact


def _told(found: Found, source: str) -> tuple[str, list[Document]]:
    from agentlab.tools.results import shorten

    documents = found.documents
    if not documents and found.answer:
        name = found.routes[0] if found.routes else source
        return found.answer, as_documents(name, found)
    lines = []
    for number, document in enumerate(documents, 1):
        title = document.metadata.get("title") or document.metadata.get("source") or ""
        lines.append(f"[{number}] {title}\n{shorten(document.page_content, _SHOWN)}")
    return "\n\n".join(lines) or "Nothing was found.", list(documents)


def _arguments(names: Sequence[str]) -> type[BaseModel]:
    query = (str, Field(description="what to search for", max_length=300))
    if len(names) == 1:
        return create_model("SearchDocuments", query=query)
    where: Any = Literal[tuple(names)]
    return create_model("SearchDocuments", query=query, source=(where, Field(description="where")))
