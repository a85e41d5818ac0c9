"""Writing down a stream while it passes."""

from __future__ import annotations

from typing import Any

from agentlab.boundary import Call
from agentlab.recording.chunks import ChunkWriter
from agentlab.recording.codec import encode
from agentlab.recording.messages import CallIds
from agentlab.recording.secrets import Scrubber
from agentlab.recording.steps import Request, Step


class StreamWriter:
    """Takes the chunks of one streaming call: a model's, or a loader's documents."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._chunks = ChunkWriter() if call.kind == "model" else None
        self._items: list[Any] = []

    def add(self, chunk: Any) -> None:
        """One chunk, before anybody else changes it."""
        if self._chunks is not None:
            self._chunks.add(chunk)
        else:
            self._items.append(encode(chunk, f"the {self._call.kind} stream"))

    def step(self, request: Request, ids: CallIds, scrubber: Scrubber) -> Step:
        """The step that the chunks so far amount to."""
        step = Step(request)
        if self._chunks is not None:
            step.chunks, step.reply, step.usage = self._chunks.written(ids, scrubber)
        else:
            step.reply = scrubber.value(self._items)
        return step
