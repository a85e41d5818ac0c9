"""Steps one after the other, each seeing all earlier ones."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.utils import coro_with_context

from agentlab.chains.chain import Chain, child_config
from agentlab.chains.happenings import Happening, Run
from agentlab.chains.stepping import astream_step, stream_step
from agentlab.chains.steps import needs, value_of
from agentlab.events import StepFinished


class Sequential(Chain):
    """A chain whose steps run in order. Made by :func:`sequential`."""

    def needed(self) -> dict[str, str]:
        """Each variable the input has to have, and the first step that needs it."""
        found: dict[str, str] = {}
        made: set[str] = set()
        for name, step in self._steps.items():
            for variable in needs(step):
                if variable not in made:
                    found.setdefault(variable, name)
            made.add(name)
        return found

    def _run(self, run: Run, manager: Any, config: RunnableConfig) -> None:
        for name, step in self._steps.items():
            run.scope.raise_if_cancelled()
            child = child_config(name, manager, config)
            run.values[name] = value_of(run.context.run(step.invoke, dict(run.values), child))

    async def _arun(self, run: Run, manager: Any, config: RunnableConfig) -> None:
        for name, step in self._steps.items():
            run.scope.raise_if_cancelled()
            child = child_config(name, manager, config)
            answer = step.ainvoke(dict(run.values), child)
            run.values[name] = value_of(await coro_with_context(answer, run.context))

    def _stream(
        self, run: Run, manager: Any, config: RunnableConfig
    ) -> Generator[Happening, None, None]:
        for name, step in self._steps.items():
            child = child_config(name, manager, config)
            with closing(stream_step(name, step, dict(run.values), run, child)) as happenings:
                for happening in happenings:
                    _keep(happening, run)
                    yield happening

    async def _astream(
        self, run: Run, manager: Any, config: RunnableConfig
    ) -> AsyncGenerator[Happening, None]:
        for name, step in self._steps.items():
            child = child_config(name, manager, config)
            stepping = astream_step(name, step, dict(run.values), run, child)
            async with aclosing(stepping) as happenings:
                async for happening in happenings:
                    _keep(happening, run)
                    yield happening


def _keep(happening: Happening, run: Run) -> None:
    event = happening.event
    if isinstance(event, StepFinished) and "/" not in event.step:
        run.values[event.step] = event.value


def sequential(**steps: Any) -> Sequential:
    """A chain of ``steps``: the output is the input and each step's text under the step's name.

    Each step is a Runnable (``prompt | model``, a chain, …) or a function, and is given the input
    and the values of all steps before it. A message counts as its text; a step that returns a
    dict, list or pydantic object keeps it. Steps may use different models and parameters::

        story = sequential(
            title=load_prompt("story/title") | model,
            character=load_prompt("story/character") | model,
        )
        story.invoke({"summary": "a girl that lost her mother"})

    Raises:
        ChainError: a step cannot run.
    """
    return Sequential(steps)
