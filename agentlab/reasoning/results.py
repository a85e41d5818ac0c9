"""What the parts of this package return has in common."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage

from agentlab.events import Usage


def as_result(value: dict[str, Any], usage: Usage) -> dict[str, Any]:
    """``value``, which has ``answer``, with ``usage`` and ``messages``.

    ``messages`` is what the turn adds to a conversation; the thoughts are no part of it.
    """
    return {
        **value,
        "usage": {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "model_calls": usage.model_calls,
        },
        "messages": [AIMessage(str(value["answer"]))],
    }


def answer_of(output: Any) -> tuple[str, str]:
    """The answer and the thought in what any Runnable returned; the thought may be empty."""
    from collections.abc import Mapping

    from langchain_core.messages import BaseMessage

    if isinstance(output, BaseMessage):
        return str(output.text).strip(), ""
    if isinstance(output, Mapping):
        if "answer" in output:
            return str(output["answer"]).strip(), str(output.get("thought") or "")
        if output:
            return answer_of(list(output.values())[-1])
    return str(output).strip(), ""
