"""Where a question can be sent: to what finds documents, to what answers, or to a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tools import BaseTool

from agentlab.boundary import recordable
from agentlab.chains.chain import Chain
from agentlab.errors import ConfigError
from agentlab.rag.techniques.direct import Direct
from agentlab.rag.techniques.steps import Steps, act
from agentlab.rag.techniques.technique import (
    Found,
    Task,
    Technique,
    is_rag,
    planned,
    technique_of,
)
from agentlab.reasoning.models import bare, takes_history

REFUSE = "refuse"


def is_source(target: Any) -> bool:
    """Whether ``target`` finds documents. An answer from documents counts by its retriever."""
    found = isinstance(target, Technique | BaseRetriever) or hasattr(target, "as_retriever")
    return found or is_rag(target)


def target_of(target: Any, name: str) -> Technique | None:
    """What the route ``name`` leads to; None refuses.

    Raises:
        ConfigError: it is nothing that a question can be sent to.
    """
    if isinstance(target, str) and target == REFUSE:
        return None
    if is_source(target):
        return technique_of(target)
    if isinstance(target, BaseTool):
        return Running(name, _OfTool(recordable(target)))
    if isinstance(target, Direct):
        return Running(name, target)
    if isinstance(bare(target), BaseChatModel):
        return Running(name, Direct(recordable(target), bare=True))
    if isinstance(target, Runnable):
        return Running(name, recordable(target))
    if callable(target):
        return Running(name, RunnableLambda(target))
    raise ConfigError(
        f"a route cannot lead to a {type(target).__name__}",
        hint='an index, a retriever, a tool, a chain, a model, a function, or "refuse"',
    )


class Running(Technique):
    """Runs what answers itself: a tool, a chain, a model, a function. Finds no documents."""

    def __init__(self, name: str, runnable: Runnable[Any, Any]) -> None:
        self.name = self._route = name
        self._runnable = runnable
        self._takes_history = _takes_history(runnable)

    def steps(self, task: Task) -> Steps[Found]:
        """See :class:`Technique`."""
        return self.run(task, tokens=True)

    def run(self, task: Task, *, tokens: bool) -> Steps[Found]:
        """The answer; its ``tokens`` are passed on where it is the only one."""
        node = task.node.add("run", task.question)
        said: Any = task.question
        if self._takes_history:
            said = {"input": task.question, "history": list(task.history)}
        tokens = tokens and isinstance(self._runnable, Direct)
        value = yield from act(self._runnable, said, tokens=tokens)
        node.note = self._route
        yield planned(node, task.node)
        return Found(answer=_text(value))


def as_documents(name: str, found: Found) -> list[Document]:
    """The answer of the route ``name`` as a document that can be cited; none where it has none."""
    if not found.answer:
        return []
    return [Document(found.answer, id=name, metadata={"title": name, "source": name})]


def _takes_history(runnable: Any) -> bool:
    """Whether it is given the conversation too, as ``{"input", "history"}``."""
    if isinstance(runnable, Chain):  # of another variable the question is the value
        return len(runnable.variables) != 1 or "input" in runnable.variables
    if takes_history(runnable):
        return True
    first = bare(getattr(bare(runnable), "first", runnable))
    names = [
        name
        for kind in ("input_variables", "optional_variables")
        for name in getattr(first, kind, None) or ()
    ]
    return "input" in names or "history" in names


class _OfTool(Runnable[Any, Any]):
    """A tool that is given the question as its only argument."""

    def __init__(self, tool: BaseTool) -> None:
        names = list(tool.args)
        if len(names) != 1:
            raise ConfigError(
                f"the tool {tool.name!r} takes {len(names)} arguments, and a question is one",
                hint="put it into a function or an agent",
            )
        self._tool, self._argument = tool, names[0]

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return self._tool.invoke({self._argument: input}, config)

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return await self._tool.ainvoke({self._argument: input}, config)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("answer", "output", "text") if key in value), value)
    return str(getattr(value, "text", value))
