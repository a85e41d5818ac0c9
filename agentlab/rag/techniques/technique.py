"""Techniques as Runnables: a question in, the documents found for it out, with the plan."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import (
    get_async_callback_manager_for_config,
    get_callback_manager_for_config,
    patch_config,
)
from pydantic import ConfigDict

from agentlab import cancellation
from agentlab.boundary import recordable
from agentlab.chains.driving import adriven, driven
from agentlab.chains.happenings import Run
from agentlab.chains.usage import UsageCounter
from agentlab.errors import ConfigError, TurnCancelled
from agentlab.events import Answer, Event, Planned
from agentlab.rag.question import read_question
from agentlab.rag.techniques.budget import Budget, Spent, widened
from agentlab.rag.techniques.evidence import ids_of
from agentlab.rag.techniques.performing import aperform, perform
from agentlab.rag.techniques.plan import Node
from agentlab.rag.techniques.steps import Steps, look


@dataclass(frozen=True, slots=True)
class Task:
    """What a technique works on. ``node`` is its place in the plan, ``spent`` the whole run's.

    ``aside``: the question is a query for more evidence, so what answers it is not the answer.
    """

    question: str
    history: Sequence[BaseMessage]
    node: Node
    spent: Spent
    aside: bool = False

    def below(self, node: Node, question: str | None = None, *, aside: bool = True) -> Task:
        """The same run, from ``node`` on; with another ``question`` the history counts no more.

        Such a question is ``aside``, unless it stands for the user's own.
        """
        if question is None:
            return replace(self, node=node)
        aside = aside or self.aside
        return replace(self, node=node, question=question, history=(), aside=aside)


@dataclass(frozen=True, slots=True)
class Found:
    """What a technique found.

    ``answer`` is a text where no document is needed for it, empty where it was ``declined``.
    ``routes`` are the routes that were taken. ``joint``: the documents answer only together, as
    one leads to another.
    """

    documents: list[Document] = field(default_factory=list)
    answer: str | None = None
    declined: str = ""
    routes: tuple[str, ...] = ()
    joint: bool = False
    plan: dict[str, Any] = field(default_factory=dict)


class Technique(Runnable[Any, Any]):
    """Finds documents for a question; stands wherever a retriever does.

    It takes a text or ``{"input", "history"}``. ``invoke`` gives documents, ``search`` those with
    the plan, ``stream`` the events: ``Planned`` and ``Retrieved`` as they happen, then ``Usage``
    and ``Answer``, whose value is a :class:`Found`.
    """

    takes_history = True
    plans = True
    budget = Budget()

    @abstractmethod
    def steps(self, task: Task) -> Steps[Found]:
        """The technique itself; see :mod:`agentlab.rag.techniques.steps`."""

    def within(self, task: Task) -> Steps[Found]:
        """:meth:`steps`, as a part of another technique's: a budget of its own bounds it too."""
        if "budget" in vars(self):
            task = replace(task, spent=task.spent.within(self.budget))
        return self.steps(task)

    @property
    def parts(self) -> Sequence[Technique]:
        """The techniques it searches by."""
        inner = getattr(self, "inner", None)
        return [inner] if isinstance(inner, Technique) else []

    def bottom(self, routes: Sequence[str] = ()) -> list[Simple]:
        """The plain searches at its bottom; of a router those of the ``routes`` taken."""
        inner = getattr(self, "inner", None)
        return inner.bottom(routes) if isinstance(inner, Technique) else []

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    # -- running -----------------------------------------------------------------------------

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """The documents, best first.

        Raises:
            ConfigError: the input is no question.
        """
        return self.search(input, config, **kwargs).documents

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """:meth:`invoke`, asynchronously."""
        return (await self.asearch(input, config, **kwargs)).documents

    def search(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Found:
        """The documents, and how they were found."""
        for event in self.stream(input, config, **kwargs):
            if isinstance(event, Answer):
                found: Found = event.value
        return found

    async def asearch(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Found:
        """:meth:`search`, asynchronously."""
        async for event in self.astream(input, config, **kwargs):
            if isinstance(event, Answer):
                found: Found = event.value
        return found

    def stream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Generator[Event, None, None]:
        """Search, and yield what happens. Closing the iterator stops it."""
        usage = UsageCounter()
        task = self._task(input, kwargs, usage)
        config = usage.attached_to(config)
        manager = get_callback_manager_for_config(config).on_chain_start(
            None,
            input,
            name=config.get("run_name") or self.label,
            run_id=config.pop("run_id", None),
        )
        inner = patch_config(config, callbacks=manager.get_child(), run_name="")
        ended: list[Found] = []

        def work() -> Generator[Event, None, None]:
            ended.append((yield from perform(self.steps(task), inner)))

        try:
            with (
                cancellation.child() as (scope, context),
                closing(driven(work(), Run({}, scope, context))) as events,
            ):
                yield from events
            found = replace(ended[0], plan=task.node.as_dict())
        except BaseException as error:
            manager.on_chain_error(_traced(error))
            raise
        manager.on_chain_end({"documents": found.documents})
        yield usage.usage
        yield Answer(found)

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncGenerator[Event, None]:
        """:meth:`stream`, asynchronously."""
        usage = UsageCounter()
        task = self._task(input, kwargs, usage)
        config = usage.attached_to(config)
        manager = await get_async_callback_manager_for_config(config).on_chain_start(
            None,
            input,
            name=config.get("run_name") or self.label,
            run_id=config.pop("run_id", None),
        )
        inner = patch_config(config, callbacks=manager.get_child(), run_name="")
        ended: list[Found] = []
        try:
            with cancellation.child() as (scope, context):
                work = aperform(self.steps(task), inner, ended)
                async with aclosing(adriven(work, Run({}, scope, context))) as events:
                    async for event in events:
                        yield event
            found = replace(ended[0], plan=task.node.as_dict())
        except BaseException as error:
            await manager.on_chain_error(_traced(error))
            raise
        await manager.on_chain_end({"documents": found.documents})
        yield usage.usage
        yield Answer(found)

    # Within a sequence (`technique | …`) the next part is given the documents, not the events.

    def transform(
        self, input: Iterator[Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[Any]:
        """The documents, for inputs that add up to one."""
        yield self.invoke(_added_up(list(input)), config, **kwargs)

    async def atransform(
        self, input: AsyncIterator[Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        """:meth:`transform`, asynchronously."""
        parts = [part async for part in input]
        yield await self.ainvoke(_added_up(parts), config, **kwargs)

    def as_retriever(self) -> BaseRetriever:
        """A ``BaseRetriever`` of it, for what asks for that class."""
        return TechniqueRetriever(technique=self)

    @property
    def label(self) -> str:
        """What the technique is called in plans and traces."""
        return type(self).__name__.lower()

    def _task(self, input: Any, kwargs: dict[str, Any], usage: UsageCounter) -> Task:
        if kwargs:
            raise ConfigError(f"a technique has no argument {next(iter(kwargs))!r}")
        question, history = read_question(input)
        return Task(question, history, Node("question", question), Spent(self._allowed(), usage))

    def _allowed(self) -> Budget:
        """The run's budget: its own, or where it was given none, one that its parts fit in."""
        if "budget" in vars(self):
            return self.budget
        return widened(self.budget, [part._allowed() for part in self.parts])


class Simple(Technique):
    """One search for the question itself."""

    def __init__(self, retriever: Any) -> None:
        self.name = "simple"
        self.retriever = retriever_of(retriever)

    def bottom(self, routes: Sequence[str] = ()) -> list[Simple]:
        """See :class:`Technique`."""
        return [self]

    def steps(self, task: Task) -> Steps[Found]:
        """See :class:`Technique`."""
        node = task.node.add("search", task.question)
        documents: list[Document] = []
        if task.spent.search():
            documents = yield from look(self.retriever, task.question)
            node.found = ids_of(documents)
        else:
            node.note = "not made: the budget is spent"
        yield planned(node, task.node)
        return Found(documents)


class TechniqueRetriever(BaseRetriever):
    """A technique as LangChain's ``BaseRetriever``."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    technique: Any

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        found: list[Document] = self.technique.invoke(query, {"callbacks": run_manager.get_child()})
        return found

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun
    ) -> list[Document]:
        found: list[Document] = await self.technique.ainvoke(
            query, {"callbacks": run_manager.get_child()}
        )
        return found


def technique_of(source: Any) -> Technique:
    """``source`` as a technique: one, a retriever, an index, or an answer from documents.

    Raises:
        ConfigError: it is none of these.
    """
    if isinstance(source, TechniqueRetriever):
        source = source.technique
    if isinstance(source, Technique):
        return source
    if is_rag(source):
        return technique_of(source.retriever)
    return Simple(source)


def is_rag(source: Any) -> bool:
    """Whether ``source`` answers from documents that its ``retriever`` finds."""
    # By its parts, as the class is made of techniques itself.
    parts = ("retriever", "peek", "takes_history")
    return isinstance(source, Runnable) and all(hasattr(source, part) for part in parts)


def retriever_of(source: Any) -> Runnable[Any, Any]:
    """``source`` as something to search, its calls crossing the boundary.

    Raises:
        ConfigError: it is none of LangChain's retrievers, and no index.
    """
    found = source.as_retriever() if hasattr(source, "as_retriever") else source
    if not isinstance(found, Runnable):
        raise ConfigError(
            f"a technique needs a retriever, not {type(source).__name__}",
            hint='for example Index.open("my-index").as_retriever(k=4)',
        )
    return recordable(found)


def planned(node: Node, parent: Node) -> Planned:
    """The event that tells of ``node``, once it is known what came of it."""
    return Planned(node.kind, node.text, node.note, tuple(node.found), parent.text)


def _traced(error: BaseException) -> BaseException:
    return TurnCancelled("closed by its reader") if isinstance(error, GeneratorExit) else error


def _added_up(parts: list[Any]) -> Any:
    if not parts:
        raise ConfigError("there is no question")
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    return whole
