"""The steps of a chain: what may be one, what it needs, and what its output counts as."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from langchain_core.messages import BaseMessage
from langchain_core.prompts import BasePromptTemplate
from langchain_core.runnables import Runnable, RunnableParallel, RunnableSequence
from langchain_core.runnables.base import RunnableBindingBase, coerce_to_runnable
from langchain_core.runnables.utils import AddableDict

from agentlab.errors import ChainError
from agentlab.prompts import Prompt

Step = Runnable[Any, Any]


def as_steps(steps: Mapping[str, Any]) -> dict[str, Step]:
    """The named ``steps`` as Runnables; a function becomes one, a mapping runs its values.

    Raises:
        ChainError: there is no step, or one cannot run.
    """
    if not steps:
        raise ChainError(
            "a chain needs at least one step",
            hint='name each: sequential(title=load_prompt("story/title") | model)',
        )
    return {name: _as_step(name, step) for name, step in steps.items()}


def _as_step(name: str, step: Any) -> Step:
    if isinstance(step, str):
        raise ChainError(
            f"step {name!r} is the text {step!r:.60}, not something that runs",
            hint=f'for the prompt of that name: {name}=load_prompt("{step:.60}") | model',
        )
    try:
        return cast(Step, coerce_to_runnable(step))
    except TypeError as error:
        raise ChainError(
            f"step {name!r} is of type {type(step).__name__}, not something that runs",
            hint="a step is a LangChain Runnable (prompt | model, a chain, …) or a function",
        ) from error


def needs(step: Any) -> list[str]:
    """The variables ``step`` cannot run without, as far as it can be seen from outside.

    A prompt says it, a chain asks its own steps, a sequence needs what its first part needs; a
    function may need anything, so nothing is said.
    """
    match step:
        case RunnableSequence():
            return needs(step.first)
        case RunnableBindingBase():
            return needs(step.bound)
        case RunnableParallel():
            return unique(name for part in step.steps__.values() for name in needs(part))
        case Prompt():
            return [name for name, variable in step.variables.items() if variable.required]
        case BasePromptTemplate():
            return list(step.input_variables)
        case _:
            needed = getattr(step, "needed", None)
            return list(needed()) if callable(needed) else []


def unique(names: Iterable[str]) -> list[str]:
    """``names`` without repetitions, in order."""
    return list(dict.fromkeys(names))


def value_of(output: Any) -> Any:
    """What a step's output counts as: the text of a message, anything else as it is."""
    if isinstance(output, BaseMessage):
        return str(output.text)
    return output


class Gathering:
    """The chunks of one step, put together as they come.

    Texts, lists and :class:`AddableDict` add up; of anything else each chunk is the whole so far
    (a JSON parser streams that way), so the last one stands.
    """

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._other: list[Any] = []  # empty, or the one value that is not text
        self.passed_on = False

    def add(self, chunk: Any) -> str | AddableDict | None:
        """Take ``chunk``; returns what of it can be passed on at once, None for nothing."""
        value = value_of(chunk)
        if isinstance(value, str) and not self._other:
            self._texts.append(value)
            self.passed_on = self.passed_on or bool(value)
            return value or None
        if isinstance(value, AddableDict) and (self.passed_on or not self._other):
            self._other = [self._other[0] + value] if self._other else [value]
            self.passed_on = True
            return value
        if isinstance(value, list) and self._other and isinstance(self._other[0], list):
            value = self._other[0] + value
        self._other = [value]
        return None

    def settle(self, value: Any) -> None:
        """Take ``value`` as the whole, none of which was passed on."""
        self._other = [value_of(value)]

    @property
    def text(self) -> str:
        """The text that came so far."""
        return "".join(self._texts)

    @property
    def value(self) -> Any:
        """All that came."""
        return self._other[0] if self._other else self.text
