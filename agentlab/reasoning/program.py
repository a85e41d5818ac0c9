"""Reasoning written once, as a program (steps.py), and run sync or async, alone or in a batch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import aclosing
from contextvars import Context
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import (
    get_async_callback_manager_for_config,
    get_callback_manager_for_config,
    get_config_list,
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
from agentlab.reasoning.lockstep import Job, groups
from agentlab.reasoning.steps import Ask, AskAll, Do, Program, Step, Turns


class Reasoning(Runnable[Any, Any]):
    """A program as a LangChain Runnable.

    ``stream`` yields events and ends with ``Usage`` and ``Answer``, whose value ``invoke`` returns.
    Within a sequence the next part is given that value.
    """

    label = "reasoning"
    name: str | None = None
    _kept: tuple[Any, dict[Any, Any]] | None = None

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

    def kept(self, of: Any, key: Any, make: Callable[[], Any]) -> Any:
        """What ``make`` made of ``of``, one object as long as ``of`` is the same.

        So runs side by side ask one Runnable, and are one batch. A copy of :meth:`mapped` has its
        own, since it asks another one.
        """
        kept = self._kept
        if kept is None or kept[0] is not of:
            kept = self._kept = (of, {})
        return kept[1][key] if key in kept[1] else kept[1].setdefault(key, make())

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
        turns = Turns(self.program(input))
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
        turns = Turns(self.program(input))
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

    def batch(
        self,
        inputs: list[Any],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """A result an input; what the runs ask of one Runnable at a time is one batch."""
        self._refuse(kwargs)
        jobs = self._jobs(inputs, config)
        for job in jobs:
            job.begin()
        try:
            with cancellation.child() as (_, context):
                while waiting := [job for job in jobs if job.advance()]:
                    for runnable, members in groups(waiting):
                        if runnable is None:
                            answers = [context.run(_made_or_error, members[0])]
                        else:
                            given = [job.step.input for job in members]
                            configs = [job.inner for job in members]
                            answers = context.run(
                                runnable.batch, given, configs, return_exceptions=True
                            )
                        for job, answer in zip(members, answers, strict=True):
                            job.take(answer)
        except BaseException as error:
            for job in jobs:
                job.turns.close()
                job.manager.on_chain_error(_traced(error))
            raise
        results = []
        for job in jobs:
            if job.error is None:
                results.append(self.finished(job.turns.result, job.usage.usage))
                job.manager.on_chain_end(results[-1])
            else:
                results.append(job.error)
                job.manager.on_chain_error(job.error)
        return _without_errors(results, return_exceptions)

    async def abatch(
        self,
        inputs: list[Any],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """:meth:`batch`, asynchronously."""
        self._refuse(kwargs)
        jobs = self._jobs(inputs, config)
        for job in jobs:
            await job.abegin()
        try:
            with cancellation.child() as (_, context):
                while waiting := [job for job in jobs if job.advance()]:
                    for runnable, members in groups(waiting):
                        if runnable is None:
                            answers = [await _amade_or_error(members[0], context)]
                        else:
                            given = [job.step.input for job in members]
                            configs = [job.inner for job in members]
                            asked = runnable.abatch(given, configs, return_exceptions=True)
                            answers = await coro_with_context(asked, context)
                        for job, answer in zip(members, answers, strict=True):
                            job.take(answer)
        except BaseException as error:
            for job in jobs:
                job.turns.close()
                await job.manager.on_chain_error(_traced(error))
            raise
        results = []
        for job in jobs:
            if job.error is None:
                results.append(self.finished(job.turns.result, job.usage.usage))
                await job.manager.on_chain_end(results[-1])
            else:
                results.append(job.error)
                await job.manager.on_chain_error(job.error)
        return _without_errors(results, return_exceptions)

    def _jobs(self, inputs: list[Any], config: Any) -> list[Job]:
        configs = get_config_list(config, len(inputs)) if inputs else []
        return [
            Job(self.program(given), given, own, self._run_name(own))
            for given, own in zip(inputs, configs, strict=True)
        ]

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


def _made_or_error(job: Job) -> Any:
    try:
        return _made(job.step, job.inner)
    except Exception as error:  # noqa: BLE001 - the program may know what to do
        return error


async def _amade_or_error(job: Job, context: Context) -> Any:
    try:
        return await _amade(job.step, job.inner, context)
    except Exception as error:  # noqa: BLE001 - the program may know what to do
        return error


def _without_errors(results: list[Any], return_exceptions: bool) -> list[Any]:
    if not return_exceptions:
        for result in results:
            if isinstance(result, Exception):
                raise result
    return results


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
