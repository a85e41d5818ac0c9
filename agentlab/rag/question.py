"""What a question may come as."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import BaseMessage, convert_to_messages

from agentlab.errors import ConfigError

_HINT = 'give a text, or {"input": "…", "history": […]}'


def read_question(given: Any) -> tuple[str, list[BaseMessage]]:
    """The question, and what was said before it.

    Raises:
        ConfigError: ``given`` has no question, or its history is none.
    """
    history: Any = []
    if isinstance(given, Mapping):
        key = next((key for key in ("input", "question") if key in given), None)
        if key is None:
            keys = ", ".join(map(repr, given)) or "nothing"
            raise ConfigError(f"there is no question in the input, only {keys}", hint=_HINT)
        history = given.get("history") or []
        given = given[key]
    if isinstance(given, BaseMessage):
        given = str(given.text)
    if not isinstance(given, str):
        raise ConfigError(f"a question is a text, not {type(given).__name__}", hint=_HINT)
    if not given.strip():
        raise ConfigError("the question is empty", hint="say what you want to know")
    try:
        return given.strip(), convert_to_messages(list(history))
    except (ValueError, TypeError, NotImplementedError, KeyError) as error:
        raise ConfigError(
            f"the history is not a list of messages: {str(error)[:200]}", hint=_HINT
        ) from error
