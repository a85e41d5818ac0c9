"""Models for reasoning: scripted ones with structured output, and plain ones."""

from __future__ import annotations

import json
from typing import Any

from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import Runnable

from agentlab import load_prompt, recordable
from agentlab.models.scripted import ScriptedChatModel


def says(*replies: Any) -> ScriptedChatModel:
    """A model with structured output that gives ``replies``, each once; mappings as JSON."""
    return recordable(
        ScriptedChatModel(
            replies=[
                reply
                if isinstance(reply, str) or set(reply) & {"say", "error", "when"}
                else {"say": json.dumps(reply)}
                for reply in replies or ("nothing",)
            ]
        )
    )


def plain(*replies: str) -> FakeListChatModel:
    """A model that can be held to nothing."""
    return FakeListChatModel(responses=list(replies))


def asks(model: Any) -> Runnable[Any, Any]:
    """The question, and ``model``."""
    return load_prompt("reason/question") | model


def kinds(events: Any) -> list[str]:
    """The names of the events."""
    return [type(event).__name__ for event in events]
