"""Memories that show the end of a history: the last turns, or as many as fit."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from agentlab.errors import ConfigError
from agentlab.memory.base import Memory
from agentlab.memory.counting import count_messages
from agentlab.memory.turns import keep_last, split
from agentlab.models import context_length
from agentlab.recording.counts import counted_context


class WindowMemory(Memory):
    """Shows the last ``turns`` turns, and every system message.

    With ``most`` it shows at least ``turns`` and at most ``most``: the window grows by a turn each
    time, and is cut back to ``turns`` when it would be larger than ``most``. A window that moves
    every turn changes the beginning of every prompt, which a model then has to read anew; this one
    leaves it as it is in most turns.

    Raises:
        ConfigError: ``turns`` is not a whole number from 1, or ``most`` is less.
    """

    def __init__(self, turns: int = 4, most: int | None = None) -> None:
        self.turns = whole(turns, "turns")
        self.most = self.turns if most is None else whole(most, "most", least=self.turns)

    @property
    def spec(self) -> str:
        return f"window:{self.turns}" + (f"-{self.most}" if self.most > self.turns else "")

    def view(self, history: Sequence[BaseMessage]) -> list[BaseMessage]:
        found = split(history)
        over = max(0, len(found.turns) - self.turns)
        return keep_last(found, self.turns + over % (self.most - self.turns + 1))


class TokenMemory(Memory):
    """Shows as many of the last turns, whole, as fit; system messages are counted and kept.

    Say how much with one of ``max_tokens`` and ``fraction`` (of the model's context). Tokens are
    counted by ``model``'s own tokenizer, and estimated where it has none. When not even the last
    turn fits, no turn is shown.

    Raises:
        ConfigError: not exactly one limit, a limit out of range, or a fraction of an unknown
            context.
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        *,
        fraction: float | None = None,
        model: BaseChatModel,
    ) -> None:
        if (max_tokens is None) == (fraction is None):
            raise ConfigError("a TokenMemory takes one of `max_tokens` and `fraction`")
        self.model = model
        self.fraction = fraction
        if fraction is None:
            self.max_tokens = whole(max_tokens, "max_tokens")
            return
        if isinstance(fraction, bool) or not 0 < fraction <= 1:
            raise ConfigError(f"`fraction` must be above 0 and at most 1, not {fraction!r}")
        length = counted_context(lambda: context_length(model))
        if length is None:
            raise ConfigError(
                f"{type(model).__name__} does not say how long its context is",
                hint="give `max_tokens` instead of a fraction",
            )
        self.max_tokens = max(1, int(length * fraction))

    @property
    def spec(self) -> str:
        share = self.fraction
        return f"tokens:{self.max_tokens}" if share is None else f"tokens:{100 * share:g}%"

    def view(self, history: Sequence[BaseMessage]) -> list[BaseMessage]:
        whole_history = split(history)
        # More turns never take fewer tokens, so the number that fits can be bisected.
        fits, too_many = 0, len(whole_history.turns) + 1
        while too_many - fits > 1:
            middle = (fits + too_many) // 2
            if count_messages(self.model, keep_last(whole_history, middle))[0] <= self.max_tokens:
                fits = middle
            else:
                too_many = middle
        return keep_last(whole_history, fits)


def whole(value: object, name: str, *, least: int = 1) -> int:
    """``value``, which must be a whole number from ``least``.

    Raises:
        ConfigError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"`{name}` must be a whole number from {least}, not {value!r}")
    return value
