"""Where a question can be sent: to what finds documents, to what answers, or to a refusal."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tools import BaseTool

from agentlab.boundary import recordable
from agentlab.chains.chain import Chain
from agentlab.errors import ConfigError, ToolError
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
from agentlab.reasoning.results import answer_of
from agentlab.tools import policy_of

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
        self._key = _question_key(runnable)

    @property
    def has_side_effects(self) -> bool:
        """Whether it is a tool that may have some. A function, a chain or a model counts as a
        source, which only reads."""
        return isinstance(self._runnable, _OfTool) and self._runnable.policy.side_effects

    def steps(self, task: Task) -> Steps[Found]:
        """See :class:`Technique`."""
        return self.run(task, tokens=not task.aside)

    def run(self, task: Task, *, tokens: bool) -> Steps[Found]:
        """The answer; its ``tokens`` are passed on where it is the only one."""
        node = task.node.add("run", task.question)
        said: Any = task.question
        if self._key:
            said = {self._key: task.question, "history": list(task.history)}
        tokens = tokens and isinstance(self._runnable, Direct)
        if task.aside and self.has_side_effects:  # no person asked for this
            raise ToolError(
                f"{self._route} was not run for a model's own query: it may have side effects",
                hint="send the user's own question to it",
            )
        value = yield from act(self._runnable, said, tokens=tokens)
        node.note = self._route
        yield planned(node, task.node)
        return Found(answer=_text(value, of_chain=isinstance(self._runnable, Chain)))


def as_documents(name: str, found: Found) -> list[Document]:
    """The answer of the route ``name`` as a document that can be cited; none where it has none."""
    if not found.answer:
        return []
    told = hashlib.sha256(found.answer.encode()).hexdigest()[:8]  # one source may answer twice
    return [Document(found.answer, id=f"{name}-{told}", metadata={"title": name, "source": name})]


def evidence_of(found: Found) -> list[Document]:
    """What ``found`` adds to other evidence: its documents, or its answer as one."""
    return found.documents or as_documents(found.routes[-1] if found.routes else "answer", found)


def has_side_effects(technique: Technique) -> bool:
    """Whether ``technique`` may run a tool with side effects."""
    own = isinstance(technique, Running) and technique.has_side_effects
    return own or any(has_side_effects(part) for part in technique.parts)


def _question_key(runnable: Any) -> str:
    """The variable that takes the question where it is given the conversation too, as
    ``{"input", "history"}``; empty where it is given the bare question."""
    if isinstance(runnable, Chain):  # of another variable the question is the value
        return "input" if len(runnable.variables) != 1 or "input" in runnable.variables else ""
    first = bare(getattr(bare(runnable), "first", runnable))
    names = set(getattr(first, "input_variables", None) or ()) - {"history"}
    optional = set(getattr(first, "optional_variables", None) or ())
    if "input" in names | optional:
        return "input"
    if takes_history(runnable) or "history" in {*optional, *getattr(first, "input_variables", ())}:
        return next(iter(names - optional)) if len(names - optional) == 1 else "input"
    return ""


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
        self.policy = policy_of(tool)

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return self._tool.invoke({self._argument: input}, config)

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return await self._tool.ainvoke({self._argument: input}, config)


def _text(value: Any, *, of_chain: bool = False) -> str:
    if isinstance(value, Mapping):
        if of_chain:  # the value of its last step
            return answer_of(value)[0]
        value = next((value[key] for key in ("answer", "output", "text") if key in value), value)
    return str(getattr(value, "text", value))
