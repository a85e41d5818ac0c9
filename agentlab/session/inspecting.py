"""What the model will see next, to the word and to the token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage

from agentlab.memory import count_messages, count_text
from agentlab.models import context_length
from agentlab.session.target import Target


@dataclass(frozen=True, slots=True)
class Context:
    """What a model is shown: its messages, and the tokens of each text.

    ``total`` counts the whole, with what the chat template adds; ``exact`` is False where the
    model has no tokenizer and it is an estimate. ``available`` is the model's context, None where
    unknown. ``text`` is the rendered prompt, for models that show it.
    """

    messages: tuple[BaseMessage, ...]
    tokens: tuple[int, ...]
    total: int
    exact: bool
    available: int | None
    text: str | None


def context_of(target: Target, given: Any, shown: list[BaseMessage]) -> Context:
    """The context that ``given`` makes; ``shown`` where no chat model can be found in it."""
    messages = target.messages(given)
    if messages is None:
        messages = shown
    if messages and isinstance(messages[-1], HumanMessage) and not messages[-1].text:
        messages = messages[:-1]  # the question that is not asked yet
    model = target.model
    total, exact = count_messages(model, messages)
    render = getattr(model, "render", None)
    return Context(
        messages=tuple(messages),
        tokens=tuple(count_text(model, message.text) for message in messages),
        total=total,
        exact=exact,
        available=None if model is None else context_length(model),
        text=render(messages) if callable(render) and messages else None,
    )
