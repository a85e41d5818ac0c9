"""One step of a run: the model asked within its limits, and made to answer at one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool

from agentlab import clock
from agentlab.agents.approval import outside_sources
from agentlab.agents.asking import Show, Strategy, aask, ask
from agentlab.agents.ids import distinct_calls, ids_of
from agentlab.agents.journal import Journal
from agentlab.agents.limits import (
    Limits,
    OutOfTime,
    Pauses,
    Stopped,
    model_calls_of,
    reached,
    split,
    until,
)
from agentlab.agents.room import Room, asum_up, sum_up
from agentlab.agents.views import View, is_untrusted, view_of
from agentlab.errors import ContextOverflow
from agentlab.events import Event, Token
from agentlab.memory import Memory
from agentlab.prompts import Prompt
from agentlab.recording.ordering import Lane, current_lane, in_lane
from agentlab.untrusted import made_from, wrap

NO_ANSWER = "I found no answer within my limits."


@dataclass
class RunContext:
    """What the steps of one run share."""

    started: float = field(default_factory=clock.monotonic)
    room: Room = field(default_factory=Room)
    journal: Journal | None = None
    resumed: bool = False
    lane: Lane = field(default_factory=current_lane)
    memory: Memory | None = None
    pauses: Pauses = field(default_factory=Pauses)
    _view: list[BaseMessage] | None = None

    @property
    def seconds(self) -> float:
        """How long it runs, without the time in which a person was asked."""
        now = clock.monotonic()
        return now - self.started - self.pauses.until(now)

    def shown(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """``messages`` with the history as the memory shows it; it does not change in a run."""
        history, turn = split(messages)
        if self.memory is None or not history:
            return list(messages)
        if self._view is None:
            self._view = self.memory.view(history)
        return [*self._view, *turn]


class Stepper:
    """Takes steps with a model."""

    def __init__(
        self,
        strategy: Strategy,
        tools: dict[str, BaseTool],
        limits: Limits,
        max_steps: int,
        writer: Runnable[Any, Any],
        summary: Prompt,
    ) -> None:
        self._strategy = strategy
        self._tools = tools
        self._limits = limits
        self._max_steps = max_steps
        self._writer = writer
        self._summary = summary

    def step(self, messages: Sequence[BaseMessage], run: RunContext, show: Show) -> AIMessage:
        """The next calls, or the answer."""
        plan = _Plan(self, messages, run, show)
        try:
            with plan.handing_over(), until(plan.seconds), in_lane(run.lane):
                return plan.done(self._fitting(plan))
        except OutOfTime:
            if plan.late():
                return plan.cut()
        try:
            with plan.handing_over(), until(plan.seconds), in_lane(run.lane):
                return plan.done(self._fitting(plan))
        except OutOfTime:
            return plan.cut()

    async def astep(
        self, messages: Sequence[BaseMessage], run: RunContext, show: Show
    ) -> AIMessage:
        """:meth:`step`, asynchronously."""
        plan = _Plan(self, messages, run, show)
        try:
            with plan.handing_over(), until(plan.seconds), in_lane(run.lane):
                return plan.done(await self._afitting(plan))
        except OutOfTime:
            if plan.late():
                return plan.cut()
        try:
            with plan.handing_over(), until(plan.seconds), in_lane(run.lane):
                return plan.done(await self._afitting(plan))
        except OutOfTime:
            return plan.cut()

    def _fitting(self, plan: _Plan) -> AIMessage:
        while True:
            try:
                return ask(self._strategy, plan.view(), plan.show, plan.calls_left, plan.keep)
            except ContextOverflow:
                if plan.room.shorten(plan.messages):
                    continue
                steps = plan.room.to_sum_up(plan.messages)
                if not steps:
                    raise
                notes = plan.room.notes(steps)
                told = sum_up(self._writer, self._summary, plan.task, notes, plan.room)
                plan.summed_up(told, steps)

    async def _afitting(self, plan: _Plan) -> AIMessage:
        while True:
            try:
                return await aask(
                    self._strategy, plan.view(), plan.show, plan.calls_left, plan.keep
                )
            except ContextOverflow:
                if plan.room.shorten(plan.messages):
                    continue
                steps = plan.room.to_sum_up(plan.messages)
                if not steps:
                    raise
                notes = plan.room.notes(steps)
                told = await asum_up(self._writer, self._summary, plan.task, notes, plan.room)
                plan.summed_up(told, steps)


class _Plan:
    """What holds for one step: whether it may call tools, how long it may take."""

    def __init__(
        self, stepper: Stepper, messages: Sequence[BaseMessage], run: RunContext, show: Show
    ) -> None:
        self._tools = stepper._tools
        self._limits = stepper._limits
        self._show = show
        self._shown: list[str] = []
        self._held = ""
        self._ids = ids_of(messages)
        self._sources = outside_sources(messages, stepper._tools)
        self.messages = run.shown(messages)
        self.room = run.room
        turn = split(messages)[1]
        self.task = turn[0].text if turn else ""
        seconds = run.seconds
        self.stopped: Stopped | None = reached(turn, stepper._max_steps, self._limits, seconds)
        left = self._limits.model_calls - model_calls_of(turn)
        # One call is kept for the answer; at a limit that calls do not use up, one for its rest.
        most = 1 if self.stopped in ("seconds", "tokens") else 2
        self.calls_left = max(1, min(left, most) if self.stopped else left - 1)
        self.seconds = (
            self._limits.grace
            if self.stopped == "seconds" or self._limits.seconds is None
            else self._limits.seconds - seconds
        )

    def view(self) -> View:
        return view_of(
            self.messages,
            self._tools,
            last=self.stopped is not None,
            level=self.room.level,
            summary=self.room.summary,
            summed_up=self.room.summed_up,
        )

    def show(self, event: Event) -> None:
        if isinstance(event, Token):
            self._shown.append(event.text)
        self._show(event)

    def keep(self, held: str) -> None:
        """The model was stopped, or failed, before ``held`` could be shown."""
        self._held = held or self._held

    @contextmanager
    def handing_over(self) -> Iterator[None]:
        """What is held when the run ends here is the answer, as far as it had come."""
        try:
            yield
        except OutOfTime:  # a last answer may be asked for
            raise
        except BaseException:
            self._hand_over()
            raise

    def _hand_over(self) -> None:
        if not self._shown and self._held.strip():
            self.show(Token(self._held))

    def summed_up(self, told: str, steps: Sequence[BaseMessage]) -> None:
        names = {m.name or "" for m in steps if isinstance(m, ToolMessage)}
        if any(is_untrusted(name, self._tools) for name in names):
            told = wrap(told, "summary")
        self.room.keep(told, steps)

    def late(self) -> bool:
        """Time is over; whether what is there must do. Else a last answer may be asked for."""
        if self.stopped == "seconds" or self._shown:
            self.stopped = self.stopped or "seconds"
            return True
        self.stopped = "seconds"
        self.calls_left = 1
        self.seconds = self._limits.grace
        return False

    def cut(self) -> AIMessage:
        """The answer, as far as it had come."""
        self._hand_over()
        answer = made_from(AIMessage("".join(self._shown)), self._sources)
        return self._marked(self.room.counted(answer))

    def done(self, message: AIMessage) -> AIMessage:
        (own,) = distinct_calls([message], self._ids)
        assert isinstance(own, AIMessage)
        if not own.tool_calls:  # it may go into the history of another agent
            own = made_from(own, self._sources)
        return self._marked(self.room.counted(own))

    def _marked(self, message: AIMessage) -> AIMessage:
        if self.stopped is None and (message.tool_calls or message.text.strip()):
            return message
        more = {"stopped": self.stopped} if self.stopped else {}
        message.response_metadata = {**message.response_metadata, **more}
        if not message.text.strip() and not message.tool_calls:
            message.content = NO_ANSWER
            self._show(Token(NO_ANSWER))
        return message
