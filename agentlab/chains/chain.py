"""What all chains have in common: named steps, checked input, sub-chains, and ways to run."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import aclosing, closing
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Self, TypeAlias

from langchain_core.callbacks import AsyncCallbackManagerForChainRun, CallbackManagerForChainRun
from langchain_core.runnables import Runnable, RunnableConfig, ensure_config
from langchain_core.runnables.config import (
    get_async_callback_manager_for_config,
    get_callback_manager_for_config,
    patch_config,
)
from langchain_core.runnables.utils import AddableDict

from agentlab import cancellation
from agentlab.chains.happenings import Happening, Run
from agentlab.chains.inputs import checked
from agentlab.chains.steps import Step, as_steps
from agentlab.chains.tapping import atapped, tapped
from agentlab.chains.usage import UsageCounter
from agentlab.chains.watching import awatched, watched
from agentlab.errors import ChainError, TurnCancelled
from agentlab.events import Answer, Event

Input: TypeAlias = Mapping[str, Any] | str
Manager: TypeAlias = CallbackManagerForChainRun | AsyncCallbackManagerForChainRun


class Chain(Runnable[Input, dict[str, Any]]):
    """Named steps that each add their value to the input. See :func:`sequential`, :func:`parallel`.

    A LangChain Runnable: ``invoke``, ``stream``, ``batch``, their async forms and ``|`` work as
    everywhere. ``stream`` yields dicts that add up to what ``invoke`` returns: first the input,
    then ``{step: text}`` for each token. A bare string stands for the only variable needed.
    """

    def __init__(self, steps: Mapping[str, Any]) -> None:
        self._steps = as_steps(steps)

    @property
    def steps(self) -> Mapping[str, Step]:
        """The steps by name, in order."""
        return MappingProxyType(self._steps)

    def __getitem__(self, name: str) -> Step:
        """The step ``name``, which can be run alone.

        Raises:
            ChainError: there is no such step.
        """
        if name not in self._steps:
            near = get_close_matches(name, self._steps, n=1)
            raise ChainError(
                f"the chain has no step {name!r}",
                hint=f"did you mean {near[0]!r}?" if near else f"it has {', '.join(self._steps)}",
            )
        return self._steps[name]

    def until(self, name: str) -> Self:
        """The chain of the steps up to and with ``name``."""
        self[name]
        names = list(self._steps)
        return self.only(*names[: names.index(name) + 1])

    def only(self, *names: str) -> Self:
        """The chain of the steps ``names``, in this chain's order; what they need is given."""
        for name in names:
            self[name]
        return type(self)({name: step for name, step in self._steps.items() if name in names})

    @property
    def variables(self) -> tuple[str, ...]:
        """What the input has to have, as far as the steps' prompts tell."""
        return tuple(self.needed())

    @abstractmethod
    def needed(self) -> dict[str, str]:
        """Each variable the input has to have, and the first step that needs it."""

    def __repr__(self) -> str:
        return f"{type(self).__name__.lower()}({', '.join(f'{name}=…' for name in self._steps)})"

    # How a kind of chain runs its steps. All of them add to ``run.values``.

    @abstractmethod
    def _run(self, run: Run, manager: Any, config: RunnableConfig) -> None: ...

    @abstractmethod
    async def _arun(self, run: Run, manager: Any, config: RunnableConfig) -> None: ...

    @abstractmethod
    def _stream(
        self, run: Run, manager: Any, config: RunnableConfig
    ) -> Generator[Happening, None, None]: ...

    @abstractmethod
    def _astream(
        self, run: Run, manager: Any, config: RunnableConfig
    ) -> AsyncGenerator[Happening, None]: ...

    def invoke(
        self, input: Input, config: RunnableConfig | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """The input and the value of every step.

        Raises:
            ConfigError: a variable is missing, or an input has the name of a step.
        """
        _refuse(kwargs)
        return self._call_with_config(self._invoke, input, config)

    async def ainvoke(
        self, input: Input, config: RunnableConfig | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """:meth:`invoke`, asynchronously."""
        _refuse(kwargs)
        return await self._acall_with_config(self._ainvoke, input, config)

    def _invoke(
        self, input: Input, run_manager: CallbackManagerForChainRun, config: RunnableConfig
    ) -> dict[str, Any]:
        values = checked(self, input)
        with cancellation.child() as (scope, context):
            self._run(Run(values, scope, context), run_manager, config)
        return values

    async def _ainvoke(
        self, input: Input, run_manager: AsyncCallbackManagerForChainRun, config: RunnableConfig
    ) -> dict[str, Any]:
        values = checked(self, input)
        with cancellation.child() as (scope, context):
            await self._arun(Run(values, scope, context), run_manager, config)
        return values

    def stream(
        self, input: Input, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Generator[dict[str, Any], None, None]:
        """Yield the input, then ``{step: text}`` for each token as it comes.

        Closing the iterator stops the model that is answering.
        """
        _refuse(kwargs)
        config = ensure_config(config)

        def chunks() -> Generator[dict[str, Any], None, None]:
            with closing(self.happenings(input, config)) as happenings:
                for happening in happenings:
                    if happening.chunk is not None:
                        yield happening.chunk

        yield from tapped(config, chunks())

    async def astream(
        self, input: Input, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncGenerator[dict[str, Any], None]:
        """:meth:`stream`, asynchronously."""
        _refuse(kwargs)
        config = ensure_config(config)

        async def chunks() -> AsyncGenerator[dict[str, Any], None]:
            async with aclosing(self.ahappenings(input, config)) as happenings:
                async for happening in happenings:
                    if happening.chunk is not None:
                        yield happening.chunk

        async with aclosing(atapped(config, chunks())) as tapped_chunks:
            async for chunk in tapped_chunks:
                yield chunk

    def events(
        self, input: Input, config: RunnableConfig | None = None
    ) -> Generator[Event, None, None]:
        """Run the chain and yield what happens, as it happens.

        ``StepStarted``, ``Token`` and ``StepFinished`` of each step (a nested chain's steps are
        called ``outer/inner``), then ``Usage`` and ``Answer``; after an error ``Failed``, and the
        error is raised. Closing the iterator stops the model that is answering.
        """
        usage = UsageCounter()
        yield from watched(self.happenings(input, usage.attached_to(config)), usage)

    async def aevents(
        self, input: Input, config: RunnableConfig | None = None
    ) -> AsyncGenerator[Event, None]:
        """:meth:`events`, asynchronously."""
        usage = UsageCounter()
        happenings = self.ahappenings(input, usage.attached_to(config))
        async with aclosing(awatched(happenings, usage)) as events:
            async for event in events:
                yield event

    def happenings(
        self, input: Input, config: RunnableConfig | None = None
    ) -> Generator[Happening, None, None]:
        """What :meth:`stream` and :meth:`events` are made of; ends with the ``Answer``."""
        config = ensure_config(config)
        manager = get_callback_manager_for_config(config).on_chain_start(
            None,
            input,
            name=config.get("run_name") or self.get_name(),
            run_id=config.pop("run_id", None),
        )
        try:
            values = checked(self, input)
            yield Happening(None, AddableDict(values))
            with cancellation.child() as (scope, context):
                yield from self._stream(Run(values, scope, context), manager, config)
        except BaseException as error:
            manager.on_chain_error(_traced(error))
            raise
        manager.on_chain_end(values)
        yield Happening(Answer(values))

    async def ahappenings(
        self, input: Input, config: RunnableConfig | None = None
    ) -> AsyncGenerator[Happening, None]:
        """:meth:`happenings`, asynchronously."""
        config = ensure_config(config)
        manager = await get_async_callback_manager_for_config(config).on_chain_start(
            None,
            input,
            name=config.get("run_name") or self.get_name(),
            run_id=config.pop("run_id", None),
        )
        try:
            values = checked(self, input)
            yield Happening(None, AddableDict(values))
            with cancellation.child() as (scope, context):
                run = Run(values, scope, context)
                async with aclosing(self._astream(run, manager, config)) as happenings:
                    async for happening in happenings:
                        yield happening
        except BaseException as error:
            await manager.on_chain_error(_traced(error))
            raise
        await manager.on_chain_end(values)
        yield Happening(Answer(values))


def child_config(name: str, manager: Manager, config: RunnableConfig) -> RunnableConfig:
    """The config of the step ``name``: its run is a child of the chain's, under its own name."""
    return patch_config(config, callbacks=manager.get_child(f"step:{name}"), run_name=name)


def _traced(error: BaseException) -> BaseException:
    return TurnCancelled("closed by its reader") if isinstance(error, GeneratorExit) else error


def _refuse(arguments: Mapping[str, Any]) -> None:
    if arguments:
        raise ChainError(
            f"a chain has no argument {next(iter(arguments))!r}",
            hint="give it to the model of a step: load_model(…, name=value) or model.bind(…)",
        )
