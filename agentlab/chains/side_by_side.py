"""Steps side by side, each seeing only the input."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from concurrent.futures import FIRST_EXCEPTION, wait
from contextlib import aclosing, contextmanager
from queue import SimpleQueue
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import get_executor_for_config

from agentlab import cancellation
from agentlab.chains.chain import Chain, child_config
from agentlab.chains.happenings import Happening, Run
from agentlab.chains.stepping import astream_step, stream_step
from agentlab.chains.steps import Step, needs, value_of
from agentlab.events import StepFinished

T = TypeVar("T")


class Parallel(Chain):
    """A chain whose steps run at the same time. Made by :func:`parallel`.

    The first step that fails stops the others. ``config["max_concurrency"]`` limits how many run
    at once.
    """

    def needed(self) -> dict[str, str]:
        """Each variable the input has to have, and the first step that needs it."""
        found: dict[str, str] = {}
        for name, step in self._steps.items():
            for variable in needs(step):
                found.setdefault(variable, name)
        return found

    def _run(self, run: Run, manager: Any, config: RunnableConfig) -> None:
        def answer(name: str, step: Step) -> Any:
            run.scope.raise_if_cancelled()
            child = child_config(name, manager, config)
            return value_of(run.context.copy().run(step.invoke, dict(run.values), child))

        with get_executor_for_config(config) as executor:
            futures = {
                name: executor.submit(answer, name, step) for name, step in self._steps.items()
            }
            try:
                wait(futures.values(), return_when=FIRST_EXCEPTION)
                _raise_first(futures.values())
            except BaseException:
                run.scope.cancel()
                raise
        run.values.update({name: future.result() for name, future in futures.items()})

    async def _arun(self, run: Run, manager: Any, config: RunnableConfig) -> None:
        limited = _limiter(config)

        def answering(name: str, step: Step) -> asyncio.Task[Any]:
            answer = step.ainvoke(dict(run.values), child_config(name, manager, config))
            return asyncio.create_task(limited(answer), context=run.context.copy())

        tasks = {name: answering(name, step) for name, step in self._steps.items()}
        async with _Stopping(run, tasks.values()):
            await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_EXCEPTION)
            _raise_first(tasks.values())
        run.values.update({name: value_of(task.result()) for name, task in tasks.items()})

    def _stream(
        self, run: Run, manager: Any, config: RunnableConfig
    ) -> Generator[Happening, None, None]:
        queue: SimpleQueue[Happening | _End] = SimpleQueue()
        given = dict(run.values)

        def work(name: str, step: Step) -> None:
            child = child_config(name, manager, config)
            end = _End(name)
            try:
                with _own(run) as own:
                    for happening in stream_step(name, step, dict(given), own, child):
                        queue.put(happening)
                        end.see(happening)
            except BaseException as error:  # noqa: BLE001  # raised again by the reader
                end.error = error
            queue.put(end)

        with get_executor_for_config(config) as executor:
            try:
                for name, step in self._steps.items():
                    executor.submit(run.context.copy().run, work, name, step)
                ended: dict[str, Any] = {}
                while len(ended) < len(self._steps):
                    item = queue.get()
                    if isinstance(item, Happening):
                        yield item
                    else:
                        ended[item.name] = item.result()
            except BaseException:
                run.scope.cancel()
                raise
        run.values.update({name: ended[name] for name in self._steps})

    async def _astream(
        self, run: Run, manager: Any, config: RunnableConfig
    ) -> AsyncGenerator[Happening, None]:
        queue: asyncio.Queue[Happening | _End] = asyncio.Queue()
        given = dict(run.values)
        limited = _limiter(config)

        async def work(name: str, step: Step) -> None:
            child = child_config(name, manager, config)
            end = _End(name)
            try:
                with _own(run) as own:
                    stepping = astream_step(name, step, dict(given), own, child)
                    async with aclosing(stepping) as happenings:
                        async for happening in happenings:
                            queue.put_nowait(happening)
                            end.see(happening)
            except BaseException as error:  # noqa: BLE001  # raised again by the reader
                end.error = error
            queue.put_nowait(end)

        tasks = [
            asyncio.create_task(limited(work(name, step)), context=run.context.copy())
            for name, step in self._steps.items()
        ]
        async with _Stopping(run, tasks):
            ended: dict[str, Any] = {}
            while len(ended) < len(self._steps):
                item = await queue.get()
                if isinstance(item, Happening):
                    yield item
                else:
                    ended[item.name] = item.result()
        run.values.update({name: ended[name] for name in self._steps})


@contextmanager
def _own(run: Run) -> Iterator[Run]:
    """A scope for one step: when it fails, the reader hears of that before the others stop."""
    with cancellation.child() as (scope, context):
        yield Run(run.values, scope, context)


class _End:
    """The end of one step: its value, or the error that ended it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.value: Any = None
        self.error: BaseException | None = None

    def see(self, happening: Happening) -> None:
        if isinstance(happening.event, StepFinished) and happening.event.step == self.name:
            self.value = happening.event.value

    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value


class _Stopping:
    """Left by an error, stops the tasks, and waits until they have ended."""

    def __init__(self, run: Run, tasks: Any) -> None:
        self._run = run
        self._tasks = list(tasks)

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is not None:
            self._run.scope.cancel()
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)


def _raise_first(done: Any) -> None:
    """Raise the error of the one that failed, not of those stopped because of it."""
    for future in done:
        if future.done() and not future.cancelled() and future.exception() is not None:
            raise future.exception()


def _limiter(config: RunnableConfig) -> Callable[[Coroutine[Any, Any, T]], Coroutine[Any, Any, T]]:
    limit = config.get("max_concurrency")
    semaphore = asyncio.Semaphore(limit) if limit else None

    async def limited(work: Coroutine[Any, Any, T]) -> T:
        if semaphore is None:
            return await work
        async with semaphore:
            return await work

    return limited


def parallel(**steps: Any) -> Parallel:
    """A chain of ``steps`` that run at the same time: the output is the input and their values.

    Each step is given the input alone. ``stream`` yields the tokens of all steps as they come,
    each under its step's name. The first step that fails stops the others::

        views = parallel(
            praise=load_prompt("review/praise") | model,
            blame=load_prompt("review/blame") | model,
        )

    Raises:
        ChainError: a step cannot run.
    """
    return Parallel(steps)
