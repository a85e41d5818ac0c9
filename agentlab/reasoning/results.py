"""What the parts of this package return has in common."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from pydantic import BaseModel

from agentlab.events import Usage
from agentlab.models._structured import was_cut


def as_result(value: dict[str, Any], usage: Usage) -> dict[str, Any]:
    """``value``, which has ``answer``, with ``usage`` and ``messages``.

    ``messages`` is what the turn adds to a conversation; the thoughts are no part of it.
    """
    answer = AIMessage(
        str(value["answer"]),
        usage_metadata=UsageMetadata(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            total_tokens=usage.input_tokens + usage.output_tokens,
            input_token_details={"cache_read": usage.cached_tokens},
        ),
        response_metadata={"model_calls": usage.model_calls},
    )
    return {
        **value,
        "usage": {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "model_calls": usage.model_calls,
        },
        "messages": [answer],
    }


def answer_of(output: Any, *, last: bool = True) -> tuple[str, str]:
    """The answer and the thought in what any Runnable returned; the thought may be empty.

    Of a mapping it is ``answer``; else its last value, as of a chain's steps, or without ``last``
    all of it as JSON, as of a structured answer.
    """
    if isinstance(output, BaseMessage):
        return str(output.text).strip(), ""
    if isinstance(output, Mapping):
        if "answer" in output:
            return _text(output["answer"]), str(output.get("thought") or "")
        final = next(reversed(list(output.values())), None)
        if output and (last or isinstance(final, BaseMessage)):
            return answer_of(final)
    return _text(output), ""


def ends_cut(output: Any) -> bool:
    """Whether the message that ``output`` is, or ends in, was cut."""
    if isinstance(output, Mapping):
        output = next(reversed(list(output.values())), None)
    return isinstance(output, BaseMessage) and was_cut(output)


def _text(value: Any) -> str:
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return str(value).strip()
