"""The run that is recorded in formats/1.jsonl, by an AgentLab that wrote format 1."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage

from tests.recording.parts import ToolStream, model, recordable, support, support_answers


def answers() -> list[AIMessage]:
    """What the model says: with the times of a local model, and usage with details."""
    asked, checked, last = support_answers()
    asked.response_metadata |= {"timings": {"prompt_seconds": 3.25, "completion_seconds": 0.5}}
    asked.usage_metadata["input_token_details"] = {"cache_read": 8}  # type: ignore[index]
    last.response_metadata = {"timings": {"prompt_seconds": 1.0, "completion_seconds": 0.25}}
    return [asked, checked, last]


def run() -> list[Any]:
    """An agent's run, then an answer that is streamed with a tool call."""
    history = support(model(*answers(), identity={"sha256": "aa"}))
    chat = recordable(ToolStream(messages=iter([])))
    return [*history, *chat.stream("And the other order?")]
