"""Asking a model for one step, and asking again where what it wrote is none."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from contextlib import aclosing, closing, contextmanager
from typing import Any, Protocol

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata, add_usage
from langchain_core.runnables import Runnable

from agentlab.agents.failures import model_failures
from agentlab.agents.limits import Stopped
from agentlab.agents.views import View
from agentlab.events import Event

MOST_REMINDERS = 2
Show = Callable[[Event], None]


class Attempt(Protocol):
    """One call of the model."""

    @property
    def runnable(self) -> Runnable[Any, Any]:
        """The model, with what it is bound to."""

    @property
    def messages(self) -> list[BaseMessage]:
        """What it is shown."""

    @property
    def done(self) -> bool:
        """Whether the rest of the reply need not be read."""

    def take(self, chunk: AIMessageChunk) -> Iterator[Event]:
        """Read a piece of the reply; yields what of it is shown."""

    def end(self, *, settle: bool, more: bool) -> Iterator[Event]:
        """The reply has ended. With ``settle`` it is taken for an answer, whatever it is.

        Unless it is the first half of a step, and there may be ``more`` calls: one for the rest.
        """

    @property
    def held(self) -> str:
        """What was not shown yet as it may be a thought, where no call has begun."""

    @property
    def message(self) -> AIMessage | None:
        """The step: an answer or tool calls. None where the reply is neither."""

    @property
    def problem(self) -> str:
        """Why the reply is neither an answer nor a call, empty where it is one."""

    @property
    def correction(self) -> bool:
        """Whether the reply is well formed, and is to be written anew since it is wrong."""

    @property
    def reminder(self) -> list[BaseMessage]:
        """The reply and what to say to it, when it is no step."""

    @property
    def rest(self) -> Attempt | None:
        """A call for what the ended reply lacks; None where it is not the first half of a step."""

    @property
    def usage(self) -> UsageMetadata | None:
        """The tokens of the call, as far as the model tells."""


class Strategy(Protocol):
    """How a model takes steps: with native tool calls, or in text."""

    def attempt(self, view: View, reminders: Sequence[BaseMessage], *, more: bool) -> Attempt:
        """A call for the next step; ``reminders`` are replies that were none, and what was said.

        Without ``more`` calls after it, it has to be a whole step.
        """


def ask(
    strategy: Strategy, view: View, show: Show, most: int, keep: Callable[[str], None]
) -> AIMessage:
    """The next step, in at most ``most`` calls of the model, at least one.

    ``keep`` is given what was not shown yet when the model is stopped or fails.
    """
    asking = _Asking(strategy, view, most)
    while True:
        attempt = asking.attempt()
        with _keeping(attempt, keep), closing(_pieces(attempt)) as stream:
            for chunk in stream:
                for event in attempt.take(chunk):
                    show(event)
                if attempt.done:
                    break
        if (message := asking.ended(show)) is not None:
            return message


async def aask(
    strategy: Strategy, view: View, show: Show, most: int, keep: Callable[[str], None]
) -> AIMessage:
    """:func:`ask`, asynchronously."""
    asking = _Asking(strategy, view, most)
    while True:
        attempt = asking.attempt()
        with _keeping(attempt, keep):
            async with aclosing(_apieces(attempt)) as stream:
                async for chunk in stream:
                    for event in attempt.take(chunk):
                        show(event)
                    if attempt.done:
                        break
        if (message := asking.ended(show)) is not None:
            return message


@contextmanager
def _keeping(attempt: Attempt, keep: Callable[[str], None]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        keep(attempt.held)
        raise


def _pieces(attempt: Attempt) -> Generator[Any]:
    with model_failures():
        stream: Any = attempt.runnable.stream(attempt.messages)
        with closing(stream):
            yield from stream


async def _apieces(attempt: Attempt) -> AsyncGenerator[Any]:
    with model_failures():
        stream: Any = attempt.runnable.astream(attempt.messages)
        async with aclosing(stream):
            async for chunk in stream:
                yield chunk


class _Asking:
    """The calls made for one step."""

    def __init__(self, strategy: Strategy, view: View, most: int) -> None:
        self._strategy = strategy
        self._view = view
        self._most = most
        self._calls = 0
        self._malformed = 0
        self._corrections = 0
        self._rest: Attempt | None = None
        self._reminders: list[BaseMessage] = []
        self._usage: UsageMetadata | None = None

    def attempt(self) -> Attempt:
        self._calls += 1
        more = self._calls < self._most
        self._now = self._rest or self._strategy.attempt(self._view, self._reminders, more=more)
        return self._now

    def ended(self, show: Show) -> AIMessage | None:
        attempt = self._now
        more = self._calls < self._most
        insists = self._malformed + self._corrections >= MOST_REMINDERS
        for event in attempt.end(settle=self._view.last or insists or not more, more=more):
            show(event)
        if attempt.usage is not None:
            self._usage = add_usage(self._usage, attempt.usage)
        if attempt.message is None:
            self._rest = attempt.rest
            if self._rest is None:
                self._malformed += not attempt.correction
                self._corrections += attempt.correction
                self._reminders = [*self._reminders, *attempt.reminder]
            return None
        settled_by: Stopped = "malformed" if insists else "model_calls"
        metadata = {
            **attempt.message.response_metadata,
            "model_calls": self._calls,
            "malformed": self._malformed,
            "corrections": self._corrections,
            **({"stopped": settled_by} if attempt.problem else {}),
        }
        return attempt.message.model_copy(
            update={"id": None, "usage_metadata": self._usage, "response_metadata": metadata}
        )
