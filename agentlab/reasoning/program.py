"""Reasoning written once: a program yields what it wants to ask, and is run sync or async.

A program is a generator. It yields :class:`Ask` (one call), :class:`AskAll` (calls that do not
depend on each other, made together), :class:`Do` (work of our own that takes a while) and events
for whoever watches; it is sent what came of each, or the error; it returns the result.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import aclosing
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import (
    get_async_callback_manager_for_config,
    get_callback_manager_for_config,
    get_executor_for_config,
    patch_config,
)
from langchain_core.runnables.utils import coro_with_context

from agentlab import cancellation
from agentlab.chains.driving import adriven, driven
from agentlab.chains.happenings import Run
from agentlab.chains.usage import UsageCounter
from agentlab.errors import ConfigError, TurnCancelled
from agentlab.events import Answer, Event, Usage


@dataclass(frozen=True, slots=True)
class Ask:
    """Run ``runnable`` on ``input``; what it returns is sent back.

    With ``tell`` it is streamed: ``tell(chunk)`` gives the events of a chunk, and the sum of the
    chunks is sent back.
    """

    runnable: Runnable[Any, Any]
    input: Any
    tell: Callable[[Any], Iterator[Event]] | None = None


@dataclass(frozen=True, slots=True)
class AskAll:
    """Make all ``asks`` together, as one batch where they share a Runnable; a list is sent back.

    An error of one of the types ``tolerated`` stands in the list in its answer's place.
    """

    asks: tuple[Ask, ...]
    tolerated: tuple[type[Exception], ...] = ()


@dataclass(frozen=True, slots=True)
class Do:
    """Call ``work``, which takes a while and asks no model; a thread's in async runs."""

    work: Callable[[], Any]


Step: TypeAlias = Ask | AskAll | Do | Event
Program: TypeAlias = Generator[Step, Any, Any]


class Reasoning(Runnable[Any, Any]):
    """A program as a LangChain Runnable.

    ``stream`` yields events and ends with ``Usage`` and ``Answer``, whose value ``invoke`` returns.
    Within a sequence the next part is given that value.
    """

    label = "reasoning"
    name: str | None = None

    def program(self, input: Any) -> Program:
        """What is done with ``input``."""
        raise NotImplementedError

    def mapped(self, change: Callable[[Any], Any]) -> Reasoning:
        """A copy that asks ``change(runnable)`` in place of each Runnable it asks."""
        raise NotImplementedError

    def needed(self) -> list[str]:
        """The variables the input has to have, as far as it can be seen."""
        return []

    def finished(self, value: Any, usage: Usage) -> Any:
        """The result, from what the program returned."""
        return value

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """The result."""
        result: Any = None
        for event in self.stream(input, config, **kwargs):
            if isinstance(event, Answer):
                result = event.value
        return result

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """:meth:`invoke`, asynchronously."""
        result: Any = None
        async for event in self.astream(input, config, **kwargs):
            if isinstance(event, Answer):
                result = event.value
        return result

    def stream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Generator[Event, None, None]:
        """Run, and yield what happens; ends with ``Usage`` and ``Answer``."""
        self._refuse(kwargs)
        usage = UsageCounter()
        config = usage.attached_to(config)
        manager = get_callback_manager_for_config(config).on_chain_start(
            None, input, name=self._run_name(config), run_id=config.pop("run_id", None)
        )
        inner = patch_config(config, callbacks=manager.get_child(), run_name="")
        turns = _Turns(self.program(input))
        try:
            with cancellation.child() as (scope, context):
                run = Run({}, scope, context)
                while (step := turns.next()) is not None:
                    if isinstance(step, Event):
                        yield step
                        continue
                    try:
                        if isinstance(step, Ask) and step.tell is not None:
                            told = _Telling(step.tell)
                            for chunk in driven(step.runnable.stream(step.input, inner), run):
                                yield from told.take(chunk)
                            turns.reply = told.whole
                        else:
                            turns.reply = context.run(_made, step, inner)
                    except Exception as error:  # noqa: BLE001 - the program may know what to do
                        turns.error = error
        except BaseException as error:
            manager.on_chain_error(_traced(error))
            raise
        finally:
            turns.close()
        result = self.finished(turns.result, usage.usage)
        manager.on_chain_end(result)
        yield usage.usage
        yield Answer(result)

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncGenerator[Event, None]:
        """:meth:`stream`, asynchronously."""
        self._refuse(kwargs)
        usage = UsageCounter()
        config = usage.attached_to(config)
        manager = await get_async_callback_manager_for_config(config).on_chain_start(
            None, input, name=self._run_name(config), run_id=config.pop("run_id", None)
        )
        inner = patch_config(config, callbacks=manager.get_child(), run_name="")
        turns = _Turns(self.program(input))
        try:
            with cancellation.child() as (scope, context):
                run = Run({}, scope, context)
                while (step := turns.next()) is not None:
                    if isinstance(step, Event):
                        yield step
                        continue
                    try:
                        if isinstance(step, Ask) and step.tell is not None:
                            told = _Telling(step.tell)
                            asked = step.runnable.astream(step.input, inner)
                            async with aclosing(adriven(asked, run)) as chunks:
                                async for chunk in chunks:
                                    for event in told.take(chunk):
                                        yield event
                            turns.reply = told.whole
                        else:
                            turns.reply = await _amade(step, inner, context)
                    except Exception as error:  # noqa: BLE001 - the program may know what to do
                        turns.error = error
        except BaseException as error:
            await manager.on_chain_error(_traced(error))
            raise
        finally:
            turns.close()
        result = self.finished(turns.result, usage.usage)
        await manager.on_chain_end(result)
        yield usage.usage
        yield Answer(result)

    def transform(
        self, input: Iterator[Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[Any]:
        """The result, of inputs that add up to one."""
        yield self.invoke(_added_up(list(input)), config, **kwargs)

    async def atransform(
        self, input: AsyncIterator[Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        """:meth:`transform`, asynchronously."""
        parts = [part async for part in input]
        yield await self.ainvoke(_added_up(parts), config, **kwargs)

    def _run_name(self, config: RunnableConfig) -> str:
        return config.get("run_name") or self.name or self.label

    def _refuse(self, arguments: dict[str, Any]) -> None:
        if arguments:
            raise ConfigError(
                f"{self.label} has no argument {next(iter(arguments))!r} when it is run",
                hint="settings of the model go to load_model(…) or model.bind(…)",
            )


@dataclass(slots=True)
class _Turns:
    """A program, advanced by what is put into ``reply`` or ``error``."""

    program: Program
    reply: Any = None
    error: Exception | None = None
    result: Any = None
    _begun: bool = field(default=False)

    def next(self) -> Step | None:
        """The next step; None at the end, with ``result`` set."""
        reply, error, self.reply, self.error = self.reply, self.error, None, None
        try:
            if error is not None:
                return self.program.throw(error)
            if not self._begun:
                self._begun = True
                return next(self.program)
            return self.program.send(reply)
        except StopIteration as ended:
            self.result = ended.value
            return None

    def close(self) -> None:
        self.program.close()


class _Telling:
    """The chunks of a streamed answer, told and added up."""

    def __init__(self, tell: Callable[[Any], Iterator[Event]]) -> None:
        self._tell = tell
        self.whole: Any = None

    def take(self, chunk: Any) -> Iterator[Event]:
        self.whole = chunk if self.whole is None else self.whole + chunk
        yield from self._tell(chunk)


def _made(step: Step, config: RunnableConfig) -> Any:
    match step:
        case Do(work=work):
            return work()
        case Ask(runnable=runnable, input=given):
            return runnable.invoke(given, config)
        case AskAll(asks=asks):
            return _checked(step, _together(asks, config))
    raise TypeError(f"a program cannot yield {type(step).__name__}")


async def _amade(step: Step, config: RunnableConfig, context: Context) -> Any:
    match step:
        case Do(work=work):
            return await asyncio.to_thread(lambda: context.copy().run(work))
        case Ask(runnable=runnable, input=given):
            return await coro_with_context(runnable.ainvoke(given, config), context)
        case AskAll(asks=asks):
            return _checked(step, await coro_with_context(_atogether(asks, config), context))
    raise TypeError(f"a program cannot yield {type(step).__name__}")


def _one(asks: tuple[Ask, ...]) -> Runnable[Any, Any] | None:
    """The Runnable that all ask, None where they differ."""
    first = asks[0].runnable
    return first if all(ask.runnable is first for ask in asks) else None


def _together(asks: tuple[Ask, ...], config: RunnableConfig) -> list[Any]:
    if not asks:
        return []
    shared = _one(asks)
    if shared is not None:
        return list(shared.batch([ask.input for ask in asks], config, return_exceptions=True))

    def ask_one(ask: Ask) -> Any:
        try:
            return ask.runnable.invoke(ask.input, config)
        except Exception as error:  # noqa: BLE001 - as batch(return_exceptions=True) does
            return error

    with get_executor_for_config(config) as executor:
        return list(executor.map(ask_one, asks))


async def _atogether(asks: tuple[Ask, ...], config: RunnableConfig) -> list[Any]:
    if not asks:
        return []
    shared = _one(asks)
    inputs = [ask.input for ask in asks]
    if shared is not None:
        return list(await shared.abatch(inputs, config, return_exceptions=True))
    calls = (ask.runnable.ainvoke(ask.input, config) for ask in asks)
    return list(await asyncio.gather(*calls, return_exceptions=True))


def _checked(step: AskAll, answers: list[Any]) -> list[Any]:
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, step.tolerated):
            raise answer
    return answers


def _traced(error: BaseException) -> BaseException:
    return TurnCancelled("closed by its reader") if isinstance(error, GeneratorExit) else error


def _added_up(parts: list[Any]) -> Any:
    if not parts:
        raise ConfigError("there is no input")
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    return whole
