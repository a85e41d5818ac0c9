"""Several runs of one program side by side: what they ask of one Runnable is one batch.

So a model that decodes several answers together does so too where a program stands between:
several chains of thought, one for each path of a vote.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import (
    get_async_callback_manager_for_config,
    get_callback_manager_for_config,
    patch_config,
)

from agentlab.chains.usage import UsageCounter
from agentlab.events import Event
from agentlab.reasoning.steps import Ask, Program, Turns


class Job:
    """One run: what it waits for, and its result or error."""

    def __init__(self, program: Program, input: Any, config: RunnableConfig, name: str) -> None:
        self.usage = UsageCounter()
        self.input = input
        self.config = self.usage.attached_to(config)
        self.name = name
        self.turns = Turns(program)
        self.step: Any = None
        self.ended = False
        self.error: Exception | None = None
        self.manager: Any = None
        self.inner: RunnableConfig = {}

    def begin(self) -> None:
        """Tell the callbacks that it begins."""
        made = get_callback_manager_for_config(self.config).on_chain_start(
            None, self.input, name=self.name, run_id=self.config.pop("run_id", None)
        )
        self._begun(made)

    async def abegin(self) -> None:
        """:meth:`begin`, asynchronously."""
        made = await get_async_callback_manager_for_config(self.config).on_chain_start(
            None, self.input, name=self.name, run_id=self.config.pop("run_id", None)
        )
        self._begun(made)

    def _begun(self, manager: Any) -> None:
        self.manager = manager
        self.inner = patch_config(self.config, callbacks=manager.get_child(), run_name="")

    def advance(self) -> bool:
        """Go to the next thing to ask for; False at the end. Events are told to nobody."""
        if self.ended:
            return False
        try:
            self.step = self.turns.next()
            while isinstance(self.step, Event):
                self.step = self.turns.next()
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
            self.error, self.step = error, None
        self.ended = self.step is None
        return not self.ended

    def take(self, answer: Any) -> None:
        """What came of its step: an answer, or the error in its place."""
        if isinstance(answer, Exception):
            self.turns.error = answer
        else:
            self.turns.reply = answer


def groups(jobs: Sequence[Job]) -> list[tuple[Runnable[Any, Any] | None, list[Job]]]:
    """The jobs by what they ask: those of one Runnable together, any other one alone (None)."""
    found: dict[int, tuple[Runnable[Any, Any] | None, list[Job]]] = {}
    for job in jobs:
        if isinstance(job.step, Ask):
            runnable = job.step.runnable
            found.setdefault(id(runnable), (runnable, []))[1].append(job)
        else:
            found[id(job)] = (None, [job])
    return list(found.values())
