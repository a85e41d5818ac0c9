"""An agent: a model that uses tools until it can answer, within limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import aclosing, closing
from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.runnables import Runnable, RunnableConfig, ensure_config
from langchain_core.tools import BaseTool

from agentlab import cancellation
from agentlab.agents.approval import outside_sources
from agentlab.agents.ids import distinct_calls
from agentlab.agents.inputs import read_input
from agentlab.agents.journal import Journal
from agentlab.agents.limits import results_of, split
from agentlab.agents.stepping import RunContext
from agentlab.agents.views import without_ids
from agentlab.chains.driving import adriven, driven
from agentlab.chains.happenings import Run
from agentlab.chains.usage import UsageCounter
from agentlab.errors import ConfigError, RunError
from agentlab.events import Answer, Event, Warned
from agentlab.memory import Memory
from agentlab.models._structured import was_cut
from agentlab.untrusted import made_from, note, sources_around

_MOST_NODES = 1_000_000  # of the graph in one run


class Agent(Runnable[Any, Any]):
    """See :func:`~agentlab.agents.create_agent`.

    Its result is a dict:

    - ``answer``: the text;
    - ``messages``: what the run adds to the history, the task first;
    - ``steps``: the calls made, each with ``thought``, ``tool``, ``args``, ``result``, ``error``;
    - ``stopped``: the limit that cut the run short (``"steps"``, ``"model_calls"``,
      ``"tool_calls"``, ``"tokens"``, ``"seconds"``, ``"repeated"``; ``"max_tokens"`` where the
      answer was cut; or ``"malformed"`` where the last replies were neither a call nor an answer),
      None where it came to its end.
    """

    takes_history = True

    def __init__(
        self,
        graph: Any,
        model: BaseChatModel,
        tools: list[BaseTool],
        memory: Memory | None,
        checkpointer: Any,
    ) -> None:
        self.name = "agent"
        self.model = model
        self.tools = tools
        self.memory = memory
        self._graph = graph
        self._checkpointer = checkpointer
        self._recalled: set[str] = set()  # threads whose history the memory has seen

    def __repr__(self) -> str:
        return f"Agent(tools={[tool.name for tool in self.tools]})"

    # -- running -----------------------------------------------------------------------------

    def invoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """Run to the end.

        ``input`` is a text, ``{"input", "history"}``, or messages; None resumes a durable run.
        ``"sources"`` may name what else the input was made from, such as a file.

        Raises:
            ConfigError: the input is wrong.
            RunError: the model cannot be asked, or its context is full whatever is left out.
        """
        result: dict[str, Any] = {}
        for event in self.stream(input, config, **kwargs):
            if isinstance(event, Answer):
                result = event.value
        return result

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """:meth:`invoke`, asynchronously."""
        result: dict[str, Any] = {}
        async for event in self.astream(input, config, **kwargs):
            if isinstance(event, Answer):
                result = event.value
        return result

    def stream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Generator[Event, None, None]:
        """Run, and yield what happens as it happens.

        ``Thought`` and ``Token`` come in pieces, ``ToolCall`` before a tool runs and ``ToolResult``
        after it, then ``Usage``, and ``Answer`` with the result. Closing the iterator stops the
        run.
        """
        _refuse(kwargs)
        usage = UsageCounter()
        config = self._configured(config, usage)
        state, run = self._prepared(input, config)
        yield from self._warnings()
        messages: list[BaseMessage] = []
        with cancellation.child() as (scope, context):
            stream = self._graph.stream(state, config, context=run, **self._modes())
            with closing(driven(stream, Run({}, scope, context))) as items:
                for mode, item in items:
                    if mode == "values":
                        messages = self._noted(item["messages"])
                    else:
                        yield item
        self._remember(messages)
        yield usage.usage
        yield Answer(result_of(messages))

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncGenerator[Event, None]:
        """:meth:`stream`, asynchronously."""
        _refuse(kwargs)
        usage = UsageCounter()
        config = self._configured(config, usage)
        state, run = await self._aprepared(input, config)
        for warning in self._warnings():
            yield warning
        messages: list[BaseMessage] = []
        with cancellation.child() as (scope, context):
            stream = self._graph.astream(state, config, context=run, **self._modes())
            async with aclosing(adriven(stream, Run({}, scope, context))) as items:
                async for mode, item in items:
                    if mode == "values":
                        messages = self._noted(item["messages"])
                    else:
                        yield item
        self._remember(messages)
        yield usage.usage
        yield Answer(result_of(messages))

    def resume(self, thread_id: str, config: RunnableConfig | None = None) -> dict[str, Any]:
        """Go on with the run of ``thread_id`` that was cut off; of one that ended, its result.

        A tool call that has ended is not made again. One with side effects that had begun is made
        again only if ``approve`` says so.

        Raises:
            ConfigError: there is no such run, or the agent has no checkpointer.
        """
        return self.invoke(None, _in_thread(thread_id, config))

    async def aresume(self, thread_id: str, config: RunnableConfig | None = None) -> dict[str, Any]:
        """:meth:`resume`, asynchronously."""
        return await self.ainvoke(None, _in_thread(thread_id, config))

    # Within a sequence (`agent | …`) the next part is given the result, not the events.

    def transform(
        self, input: Iterator[Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[dict[str, Any]]:
        """The result, of inputs that add up to one."""
        given = _added_up(list(input))
        yield self.invoke(given, config, **kwargs)

    async def atransform(
        self, input: AsyncIterator[Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[dict[str, Any]]:
        """:meth:`transform`, asynchronously."""
        given = _added_up([part async for part in input])
        yield await self.ainvoke(given, config, **kwargs)

    def _noted(self, messages: list[BaseMessage]) -> list[BaseMessage]:
        """``messages``; what of them others wrote is told to a session around, whose messages may
        be other ones: a chain may hand on the answer alone."""
        note(outside_sources(messages, {tool.name: tool for tool in self.tools}))
        return messages

    def _remember(self, messages: list[BaseMessage]) -> None:
        """Have the memory prepare for the next run, as a session does: it may sum up."""
        if self.memory is not None:
            self.memory.update(messages)

    def _warnings(self) -> list[Event]:
        return [Warned(text) for text in (self.memory.warnings() if self.memory else ())]

    # -- preparing ---------------------------------------------------------------------------

    def _configured(self, config: RunnableConfig | None, usage: UsageCounter) -> RunnableConfig:
        # Steps are counted by our own limits, so the graph's must not come before them.
        given = {"run_name": "agent", **ensure_config(config), "recursion_limit": _MOST_NODES}
        return usage.attached_to(cast(RunnableConfig, given))

    def _modes(self) -> dict[str, Any]:
        durable = {"durability": "sync"} if self._checkpointer is not None else {}
        return {"stream_mode": ["custom", "values"], **durable}

    def _thread(self, config: RunnableConfig) -> str | None:
        """The thread to keep the run under, None for a run that is not kept.

        Raises:
            ConfigError: there is a checkpointer, and no thread is named.
        """
        thread = (config.get("configurable") or {}).get("thread_id")
        if self._checkpointer is None:
            return None
        if not thread:
            raise ConfigError(
                "a durable agent needs the name of the thread",
                hint='config={"configurable": {"thread_id": "…"}}, and for a session '
                'Session(agent.with_config(configurable={"thread_id": "…"}))',
            )
        return str(thread)

    def _prepared(self, input: Any, config: RunnableConfig) -> tuple[Any, RunContext]:
        thread = self._thread(config)
        if thread is None:
            return self._begun(input, None, None)
        saved = self._graph.get_state(config)
        self._recall(thread, saved)
        return self._begun(input, thread, saved)

    async def _aprepared(self, input: Any, config: RunnableConfig) -> tuple[Any, RunContext]:
        thread = self._thread(config)
        if thread is None:
            return self._begun(input, None, None)
        saved = await self._graph.aget_state(config)
        await asyncio.to_thread(self._recall, thread, saved)
        return self._begun(input, thread, saved)

    def _recall(self, thread: str, saved: Any) -> None:
        """Sum up, in a new process, a thread that another one left: summaries are not kept."""
        if self.memory is None or thread in self._recalled:
            return
        self._recalled.add(thread)
        if messages := saved.values.get("messages"):
            self.memory.update(messages)
            self.memory.settle()

    def _begun(self, input: Any, thread: str | None, saved: Any) -> tuple[Any, RunContext]:
        """The graph's input, and what the run's steps share."""
        run = RunContext(resumed=input is None, memory=self.memory)
        if thread is not None:
            run.journal = Journal(self._checkpointer, thread)
        if input is None:
            if saved is None:
                raise ConfigError(
                    "only a durable agent can resume", hint="create_agent(…, checkpointer=…)"
                )
            if not saved.values.get("messages"):
                raise ConfigError(f"there is no run of the thread {thread!r} to resume")
            return None, run
        if saved is not None and saved.next:
            raise RunError(
                f"the last run of the thread {thread!r} was cut off",
                hint="resume it first, or use another thread",
            )
        task, history = read_input(input)
        task = made_from(task, sources_around())
        messages: list[BaseMessage] = [task]
        if history is not None:
            messages = [*distinct_calls(without_ids(history)), task]
            if saved is not None:
                messages = [_remove_all(), *messages]
        return {"messages": messages}, run


def result_of(messages: list[BaseMessage]) -> dict[str, Any]:
    """The result of the run that ``messages`` end with."""
    run = split(messages)[1]
    results = results_of(run)
    steps = []
    for message in run:
        if not isinstance(message, AIMessage):
            continue
        thought = str(message.additional_kwargs.get("reasoning_content") or message.text)
        for call in message.tool_calls:
            result = results.get(call["id"] or "")
            steps.append(
                {
                    "thought": thought,
                    "tool": call["name"],
                    "args": call["args"],
                    "result": str(result.text) if result else None,
                    "error": result is None or result.status == "error",
                }
            )
    last = run[-1] if run else None
    text = str(last.text) if isinstance(last, AIMessage | ToolMessage) else ""
    stopped = last.response_metadata.get("stopped") if last is not None else None
    if stopped is None and isinstance(last, AIMessage) and was_cut(last):
        stopped = "max_tokens"
    return {"answer": text, "messages": run, "steps": steps, "stopped": stopped}


def _in_thread(thread_id: str, config: RunnableConfig | None) -> RunnableConfig:
    config = ensure_config(config)
    return {**config, "configurable": {**config.get("configurable", {}), "thread_id": thread_id}}


def _remove_all() -> BaseMessage:
    from langchain_core.messages import RemoveMessage
    from langgraph.graph.message import REMOVE_ALL_MESSAGES

    return RemoveMessage(id=REMOVE_ALL_MESSAGES)


def _added_up(parts: list[Any]) -> Any:
    if not parts:
        raise ConfigError("the agent was given nothing")
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    return whole


def _refuse(arguments: dict[str, Any]) -> None:
    if arguments:
        raise ConfigError(
            f"an agent has no argument {next(iter(arguments))!r}",
            hint="settings of the model go to load_model(…) or model.bind(…), limits to "
            "create_agent(…)",
        )
