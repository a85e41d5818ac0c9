"""How much a technique may ask for, and what it has asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from agentlab import clock
from agentlab._yaml import nearest
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


def budget_of(given: Budget | Mapping[str, Any] | None) -> Budget:
    """``given`` as a budget: one, its values by name, or None for the default.

    Raises:
        ConfigError: a value is wrong, or there is no such bound.
    """
    if given is None or isinstance(given, Budget):
        return given or Budget()
    names = [one.name for one in fields(Budget)]
    if not isinstance(given, Mapping):
        raise ConfigError(
            f"a budget must be a Budget or a mapping, not {given!r}",
            hint=f"its bounds are {', '.join(names)}",
        )
    for name in given:
        if name not in names:
            raise ConfigError(
                f"a budget has no bound {name!r}{nearest(str(name), names)}",
                hint=f"its bounds are {', '.join(names)}",
            )
    return Budget(**given)


def widened(budget: Budget, others: Sequence[Budget]) -> Budget:
    """``budget`` with as many calls and searches as the largest of ``others`` allows."""
    both = [budget, *others]
    return replace(
        budget,
        model_calls=max(one.model_calls for one in both),
        searches=max(one.searches for one in both),
    )


@dataclass(slots=True)
class Spent:
    """What one run has used of its budget.

    What a technique within another spends of a budget of its own counts in the ``outer`` too.
    """

    budget: Budget
    usage: UsageCounter
    outer: Spent | None = None
    model_calls: int = 0
    searches: int = 0
    _tokens: int = field(default=0, init=False)
    _began: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._tokens = self._used()
        if self.budget.seconds is not None:
            self._began = clock.monotonic()

    def ask(self) -> bool:
        """Whether one more control call may be made; it then counts as made."""
        if self.model_calls >= self.budget.model_calls or self._is_over():
            return False
        if self.outer is not None and not self.outer.ask():
            return False
        self.model_calls += 1
        return True

    def search(self) -> bool:
        """Whether one more search may be made; it then counts as made.

        The first always may: without it there is nothing.
        """
        if self.searches and self._is_searched_out():
            return False
        if self.outer is not None and not self.outer.search():
            return False
        self.searches += 1
        return True

    @property
    def is_searched_out(self) -> bool:
        """Whether no search is left."""
        return self._is_searched_out() or (self.outer is not None and self.outer.is_searched_out)

    def within(self, budget: Budget) -> Spent:
        """The share of a part of the run that has a ``budget`` of its own."""
        return Spent(budget, self.usage, self)

    def _is_searched_out(self) -> bool:
        return self.searches >= self.budget.searches or self._is_over()

    def _used(self) -> int:
        usage = self.usage.usage
        return usage.input_tokens + usage.output_tokens

    def _is_over(self) -> bool:
        budget = self.budget
        if budget.tokens is not None and self._used() - self._tokens >= budget.tokens:
            return True
        if budget.seconds is None or self._began is None:
            return False
        return clock.monotonic() - self._began >= budget.seconds
