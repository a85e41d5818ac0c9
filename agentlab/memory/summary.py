"""Memories that show a running summary in the place of what it sums up.

After Wang et al., "Recursively Summarizing Enables Long-Term Dialogue Memory in Large Language
Models" (arXiv:2308.15022): the new summary is made of the old one and the new lines.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import Runnable

from agentlab.errors import ConfigError, ContextOverflow, InvalidOutput
from agentlab.memory.background import Background
from agentlab.memory.base import History, Memory, history_of
from agentlab.memory.trimming import whole
from agentlab.memory.turns import Turn, split, system_of
from agentlab.models._structured import was_cut
from agentlab.untrusted import neutralise, sources_of, with_sources, wrap

logger = logging.getLogger("agentlab.memory")

INTRODUCTION = "Summary of the conversation so far:\n"
# Old summaries serve after an undo; a conversation is rarely undone further than this.
_KEPT_SUMMARIES = 64


class SummaryBufferMemory(Memory):
    """Shows a summary of the old turns, and the last ``keep_turns`` turns word for word.

    ``model`` writes the summaries; it may be another, smaller one than answers. ``prompt`` is the
    name of a prompt, or one, with the variables ``summary`` and ``new_lines``.

    The summary is brought up to date by :meth:`update`, in the background. Until it is, and when
    it fails, the previous one stays in force and the turns it lacks are shown word for word: a
    view leaves out nothing and waits for nothing. Summaries belong to the turns they sum up, so
    an undone or edited turn is never in them, and conversations can share a memory.

    As a plain Runnable (:meth:`invoke`) nobody calls :meth:`update` after the answer, so it is
    done before, and waited for.

    Raises:
        ConfigError: ``keep_turns`` is not a whole number, or ``model`` cannot be invoked.
    """

    def __init__(
        self,
        model: BaseChatModel | Runnable[Any, Any],
        *,
        keep_turns: int = 3,
        prompt: str | Runnable[Any, Any] = "memory/summary",
    ) -> None:
        if not isinstance(model, Runnable):
            raise ConfigError(f"a summary is written by a chat model, not {type(model).__name__}")
        self.model = model
        self.keep_turns = whole(keep_turns, "keep_turns", least=self._least_kept)
        self.prompt = _prompt(prompt)
        self._summaries: dict[str, str] = {}
        self._warnings: list[str] = []
        self._lock = threading.Lock()
        self._background = Background("agentlab-summary")

    _least_kept = 1

    @property
    def spec(self) -> str:
        return f"summary_buffer:{self.keep_turns}"

    def view(self, history: Sequence[BaseMessage]) -> list[BaseMessage]:
        parts = split(history)
        done, summary = self._best(_digests(parts.turns))
        if not done:
            return list(history)
        summed = [m for turn in (parts.head, *parts.turns[:done]) for m in turn]
        shown = _with_summary(system_of(summed), summary, sources_of(summed))
        return shown + [m for turn in parts.turns[done:] for m in turn]

    def summary(self, history: Sequence[BaseMessage]) -> str:
        """The summary that :meth:`view` shows for ``history``, empty where it has none."""
        return self._best(_digests(split(history).turns))[1]

    def update(self, history: Sequence[BaseMessage]) -> None:
        turns = split(history).turns
        if len(turns) > self.keep_turns:
            self._background.submit(lambda: self._bring_up_to_date(turns))

    def settle(self) -> None:
        self._background.settle()

    def warnings(self) -> list[str]:
        with self._lock:
            told, self._warnings = self._warnings, []
        return told

    def state(self) -> dict[str, Any]:
        with self._lock:
            return {"summaries": dict(self._summaries)}

    def restore(self, state: Mapping[str, Any]) -> None:
        stored = state.get("summaries")
        if isinstance(stored, Mapping):
            with self._lock:
                self._summaries.update({str(k): str(v) for k, v in stored.items()})

    def _viewed(self, input: History) -> list[BaseMessage]:
        history = history_of(input)
        self.update(history)
        self.settle()
        return self.view(history)

    def _best(self, digests: Sequence[str]) -> tuple[int, str]:
        """How many turns the newest usable summary covers, and its text."""
        with self._lock:
            for count in range(len(digests) - self.keep_turns, 0, -1):
                if digests[count - 1] in self._summaries:
                    return count, self._summaries[digests[count - 1]]
        return 0, ""

    def _bring_up_to_date(self, turns: Sequence[Turn]) -> None:
        digests = _digests(turns)
        done, summary = self._best(digests)
        wanted = len(turns) - self.keep_turns
        if done == wanted:
            return
        try:
            new = self._summarise(summary, turns[done:wanted])
        except Exception as error:  # noqa: BLE001 - whatever it was, the previous summary stands
            message = f"the conversation could not be summarised: {error}"
            logger.warning("%s; the previous summary stays in force", message)
            with self._lock:
                self._warnings.append(message)
            return
        with self._lock:
            self._summaries[digests[wanted - 1]] = new
            for old in list(self._summaries)[:-_KEPT_SUMMARIES]:
                del self._summaries[old]

    def _summarise(self, summary: str, turns: Sequence[Turn]) -> str:
        """``summary``, with ``turns`` worked in: in one call, in more where they do not fit."""
        try:
            lines = "\n".join(_as_lines(turn) for turn in turns)
            answer = (self.prompt | self.model).invoke({"summary": summary, "new_lines": lines})
        except ContextOverflow:
            if len(turns) == 1:
                raise
            half = len(turns) // 2
            return self._summarise(self._summarise(summary, turns[:half]), turns[half:])
        text = (answer.text if isinstance(answer, BaseMessage) else str(answer)).strip()
        if not text:
            raise InvalidOutput("the model wrote an empty summary")
        if isinstance(answer, BaseMessage) and was_cut(answer):  # the newest comes last
            message = "the summary was cut at max_tokens, so the end of it may be missing"
            logger.warning(message)
            with self._lock:
                self._warnings.append(message)
        return text


class SummaryMemory(SummaryBufferMemory):
    """Shows a running summary, and only the turns that it does not sum up yet.

    See :class:`SummaryBufferMemory`, with no turn kept word for word.
    """

    _least_kept = 0

    def __init__(
        self,
        model: BaseChatModel | Runnable[Any, Any],
        *,
        prompt: str | Runnable[Any, Any] = "memory/summary",
    ) -> None:
        super().__init__(model, keep_turns=0, prompt=prompt)

    @property
    def spec(self) -> str:
        return "summary"


def _prompt(prompt: str | Runnable[Any, Any]) -> Runnable[Any, Any]:
    if not isinstance(prompt, str):
        return prompt
    from agentlab.prompts import load_prompt

    return load_prompt(prompt)


def _with_summary(
    system: list[BaseMessage], summary: str, sources: Sequence[str]
) -> list[BaseMessage]:
    """One system message where there was one: many chat templates allow no second."""
    marks = with_sources(sources)  # a summary of text from outside is text from outside
    text = INTRODUCTION + (wrap(summary, ", ".join(sources)) if sources else summary)
    if system and isinstance(system[-1].content, str):
        text = f"{system[-1].content}\n\n{text}"
        return [*system[:-1], SystemMessage(text, response_metadata=marks)]
    return [*system, SystemMessage(text, response_metadata=marks)]


def _digests(turns: Sequence[Turn]) -> list[str]:
    """For each turn a digest of it and all before it."""
    running = hashlib.sha256()
    digests = []
    for turn in turns:
        for message in turn:
            said = [message.type, message.content, getattr(message, "tool_calls", [])]
            running.update(json.dumps(said, sort_keys=True, default=str).encode())
        running.update(b"\n")
        digests.append(running.hexdigest())
    return digests


def _as_lines(turn: Turn) -> str:
    lines = []
    for message in turn:
        match message:
            case HumanMessage():
                lines.append(f"User: {message.text}")
            case AIMessage():
                calls = [f"{c['name']}({json.dumps(c['args'])})" for c in message.tool_calls]
                lines.append(f"Assistant: {' '.join(filter(None, [message.text, *calls]))}")
            case ToolMessage():
                sources = sources_of([message])
                said = wrap(message.text, sources[0]) if sources else neutralise(message.text)
                lines.append(f"Tool: {said}")
    return "\n".join(lines)


__all__ = ["INTRODUCTION", "SummaryBufferMemory", "SummaryMemory"]
