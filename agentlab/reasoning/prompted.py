"""A prompt before reasoning, whose events stay to be seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain_core.runnables import Runnable

from agentlab.chains.steps import needs
from agentlab.events import Usage
from agentlab.reasoning.models import copied, takes_history
from agentlab.reasoning.program import Reasoning
from agentlab.reasoning.steps import Ask, Program


class Prompted(Reasoning):
    """``prompt | inner``, streaming its events, where a sequence has only its result."""

    def __init__(self, prompt: Runnable[Any, Any], inner: Reasoning) -> None:
        self.prompt = prompt
        self.inner = inner
        self.label = inner.label
        self.takes_history = takes_history(prompt)

    def __repr__(self) -> str:
        return f"Prompted({self.prompt!r}, {self.inner!r})"

    def needed(self) -> list[str]:
        """The variables of the prompt."""
        return needs(self.prompt)

    def mapped(self, change: Callable[[Any], Any]) -> Prompted:
        """A copy with ``change(inner)``."""
        inner = change(self.inner)
        return self if inner is self.inner else copied(self, inner=inner)

    def program(self, input: Any) -> Program:
        """The prompt, then what is done with it."""
        rendered = yield Ask(self.prompt, input)
        return (yield from self.inner.program(rendered))

    def finished(self, value: Any, usage: Usage) -> Any:
        """The result."""
        return self.inner.finished(value, usage)
