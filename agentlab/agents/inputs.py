"""What an agent may be given, as messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, convert_to_messages
from langchain_core.prompt_values import PromptValue

from agentlab.errors import ConfigError
from agentlab.untrusted import sources_of, with_sources

_HINT = 'give a text, {"input": …, "history": […]}, or messages that end with the user\'s'


def read_input(given: Any) -> tuple[HumanMessage, list[BaseMessage] | None]:
    """The task, and what was said before; None where that is left open.

    Raises:
        ConfigError: ``given`` is none of what an agent takes.
    """
    match given:
        case str():
            return _task(given), None
        case HumanMessage():
            return _task(str(given.text), sources_of([given])), None
        case PromptValue():
            return _from_messages(given.to_messages())
        case {"input": text, **rest}:
            sources = _sources(rest.get("sources"))
            if isinstance(text, BaseMessage):
                sources = [*sources_of([text]), *sources]
                text = text.text
            if not isinstance(text, str):
                raise ConfigError(f"the input is {type(text).__name__}, not a text", hint=_HINT)
            history = _history(rest["history"]) if "history" in rest else None
            return _task(text, sources), history
        case {"messages": messages, **rest}:
            return _from_messages(_history(messages), _sources(rest.get("sources")))
        case [*messages]:
            return _from_messages(_history(messages))
    keys = f" with {', '.join(map(str, given))}" if isinstance(given, Mapping) else ""
    raise ConfigError(f"an agent cannot take a {type(given).__name__}{keys}", hint=_HINT)


def _sources(given: Any) -> list[str]:
    if given is None:
        return []
    if isinstance(given, list | tuple) and all(isinstance(name, str) for name in given):
        return list(given)
    raise ConfigError(
        f"sources must be a list of names, not {given!r:.80}",
        hint='names of tools, or what else the input was made from: ["an attached file"]',
    )


def _task(text: str, sources: Sequence[str] = ()) -> HumanMessage:
    if not text.strip():
        raise ConfigError("the input is empty", hint="say what the agent is to do")
    return HumanMessage(text, response_metadata=with_sources(sources))


def _from_messages(
    messages: Sequence[BaseMessage], sources: Sequence[str] = ()
) -> tuple[HumanMessage, list[BaseMessage]]:
    if not messages or not isinstance(messages[-1], HumanMessage):
        raise ConfigError("the last message is not the user's", hint=_HINT)
    task = _task(str(messages[-1].text), [*sources_of(messages[-1:]), *sources])
    return task, list(messages[:-1])


def _history(messages: Any) -> list[BaseMessage]:
    try:
        return convert_to_messages(list(messages or []))
    except (ValueError, TypeError, NotImplementedError, KeyError) as error:
        raise ConfigError(
            f"the history is not a list of messages: {str(error)[:200]}", hint=_HINT
        ) from error
