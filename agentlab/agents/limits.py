"""How far a run may go, and what of that it has used."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall, ToolMessage

from agentlab import cancellation, clock
from agentlab.cancellation import Cancellation
from agentlab.errors import ConfigError, TurnCancelled

Stopped = Literal[
    "steps",
    "model_calls",
    "tool_calls",
    "tokens",
    "seconds",
    "repeated",
    "malformed",
    "max_tokens",
]
SAME_CALL = 3  # times a call may be asked for; the last time it is not made


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use; at a limit the agent answers from what it has.

    Attributes:
        model_calls: calls of the model, the one that answers among them.
        tool_calls: calls of tools.
        tokens: read and written by all model calls; None for no limit but the model's context.
        seconds: until tools and model are stopped; None for no limit. The answer that is then asked
            for has half of it again, at least 15 seconds.
    """

    model_calls: int = 12
    tool_calls: int = 10
    tokens: int | None = None
    seconds: float | None = 120.0

    def __post_init__(self) -> None:
        for name, least in (("model_calls", 1), ("tool_calls", 0), ("tokens", 1)):
            value = getattr(self, name)
            if value is None and name == "tokens":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ConfigError(f"{name} must be a whole number from {least}, not {value!r}")
        given = self.seconds
        number = isinstance(given, int | float) and not isinstance(given, bool)
        if given is not None and not (number and 0 < given < math.inf):
            raise ConfigError(f"seconds must be a number above 0, or None, not {given!r}")

    @property
    def grace(self) -> float | None:
        """Seconds for the answer once ``seconds`` have passed."""
        return None if self.seconds is None else max(15.0, self.seconds / 2)


def split(messages: Sequence[BaseMessage]) -> tuple[list[BaseMessage], list[BaseMessage]]:
    """What was said before, and this run: its task, then calls, results and the answer."""
    last = max((n for n, m in enumerate(messages) if isinstance(m, HumanMessage)), default=0)
    return list(messages[:last]), list(messages[last:])


def reached(
    run: Sequence[BaseMessage], max_steps: int, limits: Limits, seconds: float
) -> Stopped | None:
    """The limit that keeps ``run``, which took ``seconds`` so far, from another step."""
    calls = [call for m in run if isinstance(m, AIMessage) for call in m.tool_calls]
    steps = sum(1 for m in run if isinstance(m, AIMessage))
    if limits.seconds is not None and seconds >= limits.seconds:
        return "seconds"
    if any(times_made(call, calls) >= SAME_CALL for call in calls):
        return "repeated"
    if len(calls) >= limits.tool_calls:
        return "tool_calls"
    if limits.tokens is not None and tokens_of(run) >= limits.tokens:
        return "tokens"
    if steps >= max_steps:
        return "steps"
    if model_calls_of(run) >= limits.model_calls - 1:
        return "model_calls"
    return None


def calls_before(run: Sequence[BaseMessage], call_id: str | None) -> list[ToolCall]:
    """The tool calls of ``run`` that were asked for before the one with ``call_id``."""
    before: list[ToolCall] = []
    for message in run:
        for call in message.tool_calls if isinstance(message, AIMessage) else ():
            if call["id"] == call_id:
                return before
            before.append(call)
    return before


def times_made(call: ToolCall, calls: Sequence[ToolCall]) -> int:
    """How many of ``calls`` are the same as ``call``: name and arguments."""
    mark = _mark(call)
    return sum(1 for other in calls if _mark(other) == mark)


def _mark(call: ToolCall) -> tuple[str, str]:
    return call["name"], json.dumps(call["args"], sort_keys=True, default=repr)


def model_calls_of(run: Sequence[BaseMessage]) -> int:
    """The calls of the model in ``run``; a step that had to be asked for again counts each."""
    answers = [m for m in run if isinstance(m, AIMessage)]
    return sum(int(m.response_metadata.get("model_calls", 1)) for m in answers)


def tokens_of(run: Sequence[BaseMessage]) -> int:
    """The tokens read and written by the model calls of ``run``."""
    usages = [m.usage_metadata for m in run if isinstance(m, AIMessage)]
    return sum(usage["total_tokens"] for usage in usages if usage)


def results_of(run: Sequence[BaseMessage]) -> dict[str, ToolMessage]:
    """The results of the tool calls in ``run``, by the call's id."""
    return {m.tool_call_id: m for m in run if isinstance(m, ToolMessage)}


class Pauses:
    """The time in which a person thinks, which counts for no limit. Calls may wait side by side."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = 0
        self._since = 0.0
        self._over = 0.0

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Nothing of what the block takes counts."""
        with self._lock:
            if not self._waiting:
                self._since = clock.monotonic()
            self._waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1
                if not self._waiting:
                    self._over += clock.monotonic() - self._since

    def until(self, now: float) -> float:
        """The seconds of all pauses until ``now``."""
        with self._lock:
            return self._over + (now - self._since if self._waiting else 0.0)


class OutOfTime(Exception):
    """What ran under :func:`until` was stopped because its time was over."""


@contextmanager
def until(seconds: float | None) -> Iterator[None]:
    """Run the block for at most ``seconds``: then all that looks at its scope is stopped.

    Raises:
        OutOfTime: it was.
        TurnCancelled: the scope outside was cancelled.
    """
    if seconds is None:
        yield
        return
    outer = cancellation.current()
    scope = Cancellation()
    timer = threading.Timer(max(0.0, seconds), scope.cancel)
    timer.daemon = True
    with (
        outer.listening(scope.cancel) if outer else nullcontext(),
        cancellation.cancellable(scope),
    ):
        timer.start()
        try:
            yield
        except TurnCancelled:
            if outer is not None and outer.cancelled:
                raise
            if not scope.cancelled:
                raise
            raise OutOfTime from None
        finally:
            timer.cancel()
