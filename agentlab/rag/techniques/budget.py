"""How much a technique may ask for, and what it has asked for."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from agentlab import clock
from agentlab.errors import ConfigError

if TYPE_CHECKING:
    from agentlab.chains.usage import UsageCounter


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that the search for one question may use; what is found by then is used.

    Attributes:
        model_calls: control calls; the call that answers is not among them.
        searches: single queries.
        tokens: read and written by the control calls; None for no bound.
        seconds: None for no bound. A call that has begun is not cut.
    """

    model_calls: int = 8
    searches: int = 32
    tokens: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            least = 1 if one.name == "searches" else 0
            wrong = isinstance(value, bool) or not isinstance(value, int | float)
            if value is not None and (wrong or value < least):
                raise ConfigError(
                    f"{one.name} of a budget must be a number from {least}, not {value!r}"
                )
            if value is None and one.name in ("model_calls", "searches"):
                raise ConfigError(f"{one.name} of a budget must be a number: it ends the run")


@dataclass(slots=True)
class Spent:
    """What one run has used of its budget."""

    budget: Budget
    usage: UsageCounter
    model_calls: int = 0
    searches: int = 0
    _began: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.budget.seconds is not None:
            self._began = clock.monotonic()

    def ask(self) -> bool:
        """Whether one more control call may be made; it then counts as made."""
        if self.model_calls >= self.budget.model_calls or self._is_over():
            return False
        self.model_calls += 1
        return True

    def search(self) -> bool:
        """Whether one more search may be made; it then counts as made.

        The first always may: without it there is nothing.
        """
        if self.searches and self.is_searched_out:
            return False
        self.searches += 1
        return True

    @property
    def is_searched_out(self) -> bool:
        """Whether no search is left."""
        return self.searches >= self.budget.searches or self._is_over()

    def _is_over(self) -> bool:
        budget, usage = self.budget, self.usage.usage
        if budget.tokens is not None and usage.input_tokens + usage.output_tokens >= budget.tokens:
            return True
        if budget.seconds is None or self._began is None:
            return False
        return clock.monotonic() - self._began >= budget.seconds
