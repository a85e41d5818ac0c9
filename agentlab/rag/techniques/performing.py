"""Driving a technique: its requests made, sync or async, and its events passed on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing, closing
from typing import Any

from langchain_core.documents import Document
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import get_executor_for_config, merge_configs, patch_config

from agentlab.errors import RunError
from agentlab.events import Answer, Event, Token, Usage
from agentlab.rag.techniques.steps import Act, Ask, Look, Request, Steps, is_survivable


def perform(steps: Steps[Any], config: RunnableConfig) -> Generator[Event, None, Any]:
    """Run ``steps`` to their end and return what they return."""
    with closing(steps):
        sent: Any = None
        while True:
            try:
                item = steps.send(sent)
            except StopIteration as end:
                return end.value
            if isinstance(item, Event):
                yield item
                sent = None
            elif len(item) == 1 and isinstance(item[0], Act):
                sent = [(yield from _acted(item[0], config))]
            else:
                sent = _made(item, config)


async def aperform(
    steps: Steps[Any], config: RunnableConfig, result: list[Any]
) -> AsyncGenerator[Event, None]:
    """:func:`perform`, asynchronously; what they return is put into ``result``."""
    with closing(steps):
        sent: Any = None
        while True:
            try:
                item = steps.send(sent)
            except StopIteration as end:
                result.append(end.value)
                return
            if isinstance(item, Event):
                yield item
                sent = None
            elif len(item) == 1 and isinstance(item[0], Act):
                acted: list[Any] = []
                async with aclosing(_aacted(item[0], config, acted)) as events:
                    async for event in events:
                        yield event
                sent = acted
            else:
                sent = await _amade(item, config)


def _made(requests: Sequence[Request], config: RunnableConfig) -> list[Any]:
    """What comes of each, or its error. Questions of one kind go to their model as a batch."""
    results: list[Any] = [None] * len(requests)
    jobs = [_job(requests, numbers, config) for numbers in _groups(requests)]
    if len(jobs) == 1:
        numbers, runnable, inputs, configs = jobs[0]
        return _in_place(results, numbers, _batch(runnable, inputs, configs))
    with get_executor_for_config(config) as executor:
        pending = [(job[0], executor.submit(_batch, *job[1:])) for job in jobs]
        for numbers, future in pending:
            _in_place(results, numbers, future.result())
    return results


async def _amade(requests: Sequence[Request], config: RunnableConfig) -> list[Any]:
    results: list[Any] = [None] * len(requests)
    jobs = [_job(requests, numbers, config) for numbers in _groups(requests)]
    made = await asyncio.gather(*(_abatch(*job[1:]) for job in jobs))
    for job, values in zip(jobs, made, strict=True):
        _in_place(results, job[0], values)
    return results


def _batch(
    runnable: Runnable[Any, Any], inputs: list[Any], configs: list[RunnableConfig]
) -> list[Any]:
    if len(inputs) > 1:
        values: list[Any] = runnable.batch(inputs, configs, return_exceptions=True)
    else:
        try:
            values = [runnable.invoke(inputs[0], configs[0])]
        except Exception as error:  # noqa: BLE001 - checked
            values = [error]
    return [_checked(value) for value in values]


async def _abatch(
    runnable: Runnable[Any, Any], inputs: list[Any], configs: list[RunnableConfig]
) -> list[Any]:
    if len(inputs) > 1:
        values: list[Any] = await runnable.abatch(inputs, configs, return_exceptions=True)
    else:
        try:
            values = [await runnable.ainvoke(inputs[0], configs[0])]
        except Exception as error:  # noqa: BLE001 - checked
            values = [error]
    return [_checked(value) for value in values]


def _checked(value: Any) -> Any:
    """``value``; an error that no run can do without is raised here."""
    if isinstance(value, Exception) and not is_survivable(value):
        raise value
    return value


def _in_place(results: list[Any], numbers: Sequence[int], values: Sequence[Any]) -> list[Any]:
    for number, value in zip(numbers, values, strict=True):
        results[number] = value
    return results


def _groups(requests: Sequence[Request]) -> list[list[int]]:
    """Which of ``requests`` one batch can hold."""
    groups: list[list[int]] = []
    for number, request in enumerate(requests):
        fitting = (g for g in groups if _is_same(requests[g[0]], request))
        group = next(fitting, None)
        if group is None:
            groups.append([number])
        else:
            group.append(number)
    return groups


def _is_same(one: Request, other: Request) -> bool:
    match one, other:
        case Ask(), Ask():
            return (one.control, one.prompt, one.schema) == (
                other.control,
                other.prompt,
                other.schema,
            )
        case Look(), Look():
            return one.retriever is other.retriever
    return False


def _job(requests: Sequence[Request], numbers: list[int], config: RunnableConfig) -> Any:
    """The numbers, what runs, its inputs and their configs."""
    first = requests[numbers[0]]
    runnable: Runnable[Any, Any]
    match first:
        case Ask():
            runnable, name = first.control.runnable(first.prompt, first.schema), first.prompt
        case Look():
            runnable, name = first.retriever, "retrieve"
        case Act():
            runnable, name = first.runnable, "act"
    inputs = [_input(requests[number]) for number in numbers]
    configs = [_of_act(first, config)] if isinstance(first, Act) else []
    configs = configs or [_child(config, name) for _ in numbers]
    if isinstance(first, Look):
        runnable = _Documents(runnable)
    return numbers, runnable, inputs, configs


def _input(request: Request) -> Any:
    match request:
        case Ask():
            return request.control.prompt(request.prompt).render(request.values)
        case Look():
            return request.query
        case Act():
            return request.input


class _Documents(Runnable[Any, Any]):
    """A retriever whose results are looked at: anything may stand in its place."""

    def __init__(self, retriever: Runnable[Any, Any]) -> None:
        self._retriever = retriever

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        return _documents(self._retriever.invoke(input, config))

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        return _documents(await self._retriever.ainvoke(input, config))


def _documents(found: Any) -> list[Document]:
    if not isinstance(found, list) or not all(isinstance(d, Document) for d in found):
        raise RunError(f"the retriever gave {type(found).__name__}, not a list of documents")
    return found


def _child(config: RunnableConfig, name: str) -> RunnableConfig:
    return {**patch_config(config), "run_name": name}


def _of_act(request: Act, config: RunnableConfig) -> RunnableConfig:
    child = _child(config, "act")
    if request.watch is None:
        return child
    return merge_configs(child, {"callbacks": [request.watch]})


def _acted(request: Act, config: RunnableConfig) -> Generator[Event, None, Any]:
    value: Any = None
    try:
        if not hasattr(request.runnable, "takes_history"):  # it gives no events
            return request.runnable.invoke(request.input, _of_act(request, config))
        for item in request.runnable.stream(request.input, _of_act(request, config)):
            match item:
                case Answer(value=value):
                    pass
                case Token() if not request.tokens:
                    pass
                case Usage():
                    pass
                case Event():
                    yield item
    except Exception as error:  # noqa: BLE001 - checked
        return _checked(error)
    return value


async def _aacted(
    request: Act, config: RunnableConfig, result: list[Any]
) -> AsyncGenerator[Event, None]:
    value: Any = None
    try:
        if not hasattr(request.runnable, "takes_history"):
            result.append(await request.runnable.ainvoke(request.input, _of_act(request, config)))
            return
        async for item in request.runnable.astream(request.input, _of_act(request, config)):
            match item:
                case Answer(value=value):
                    pass
                case Token() if not request.tokens:
                    pass
                case Usage():
                    pass
                case Event():
                    yield item
    except Exception as error:  # noqa: BLE001 - checked
        value = _checked(error)
    result.append(value)
