"""Steps by native tool calls, for models that have them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    message_chunk_to_message,
)
from langchain_core.messages.ai import UsageMetadata
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool

from agentlab.agents.views import NOW, View, with_last_words, with_system
from agentlab.events import Event, Thought, Token
from agentlab.models._structured import was_cut
from agentlab.prompts import Prompt

_LONGEST_WORDS = 160  # characters that a model may say before its calls; then it is an answer
_LONGEST_CALL = 10_000  # characters of a call that is written out as text
# How a call that is written out begins: an object, in a code fence or not.
_MAY_BE_CALL = re.compile(r"\s*(?:\{|```(?:json)?\s*(?:\{|\Z)|`{0,3}\Z|```j(?:so?)?\Z)")


class NativeSteps:
    """Asks ``model``, which is told of ``tools`` by its provider's means, with ``bound`` kept."""

    def __init__(
        self,
        model: BaseChatModel,
        prompt: Prompt,
        tools: Sequence[BaseTool],
        *,
        bound: Mapping[str, Any],
        notice: str = "",
    ) -> None:
        self._prompt = prompt
        self._notice = notice
        self._names = frozenset(tool.name for tool in tools)
        self._alone: Runnable[Any, Any] = model.bind(**bound) if bound else model
        self._with_tools = model.bind_tools(list(tools), **bound) if tools else self._alone

    def attempt(self, view: View, reminders: Sequence[BaseMessage], *, more: bool) -> NativeAttempt:
        """See :class:`~agentlab.agents.asking.Strategy`."""
        rendered = self._prompt.render({"input": view.task, "history": view.history})
        messages = [*with_system(rendered, self._notice), *view.steps, *reminders]
        if view.last:
            return NativeAttempt(self._alone, with_last_words(messages, NOW), frozenset())
        return NativeAttempt(self._with_tools, messages, self._names)


class NativeAttempt:
    """See :class:`~agentlab.agents.asking.Attempt`."""

    def __init__(
        self, runnable: Runnable[Any, Any], messages: list[BaseMessage], names: frozenset[str]
    ) -> None:
        self.runnable = runnable
        self.messages = messages
        self.message: AIMessage | None = None
        self.done = False
        self._names = names
        self._reply: AIMessageChunk | None = None
        self._held: list[str] = []  # may be a thought, or a call that is written out
        self._told = ""  # shown as an answer
        self._free = not names
        self._calls = False
        self.problem = ""

    @property
    def usage(self) -> UsageMetadata | None:
        return self._reply.usage_metadata if self._reply else None

    def take(self, chunk: AIMessageChunk) -> Iterator[Event]:
        self._reply = chunk if self._reply is None else self._reply + chunk
        thought = chunk.additional_kwargs.get("reasoning_content")
        if isinstance(thought, str) and thought:
            yield Thought(thought)
        if chunk.tool_call_chunks and self._names and not self._calls:
            self._calls = True
            yield from self._shown(Thought)
        if chunk.text:
            self._held.append(str(chunk.text))
        if self._calls:
            yield from self._shown(Thought)
        elif self._free or self._is_answer():
            self._free = True
            yield from self._shown(Token)

    def _is_answer(self) -> bool:
        """Whether what is held back is too long for words before a call, and no call itself."""
        size = sum(map(len, self._held))
        if size < _LONGEST_WORDS:
            return False
        return size >= _LONGEST_CALL or not _MAY_BE_CALL.match("".join(self._held))

    @property
    def held(self) -> str:
        text = "".join(self._held)
        return "" if _MAY_BE_CALL.match(text) else text

    def _shown(self, kind: type[Thought] | type[Token]) -> Iterator[Event]:
        held, self._held = self._held, []
        for text in held:
            if kind is Token:
                self._told += text
            yield kind(text)

    def end(self, *, settle: bool, more: bool) -> Iterator[Event]:
        reply = message_chunk_to_message(self._reply) if self._reply else AIMessage("")
        assert isinstance(reply, AIMessage)
        self.problem = self._wrong(reply)
        if not self.problem:
            self.message = reply
        elif settle:
            text = reply.text
            self.message = AIMessage(
                text,
                additional_kwargs={},
                response_metadata=reply.response_metadata,
                usage_metadata=reply.usage_metadata,
            )
        if self.message is not None:
            yield from self._shown(Thought if self.message.tool_calls else Token)
            if not self.message.tool_calls:  # what was taken for a thought is the answer after all
                text = self.message.text
                rest = text.removeprefix(self._told)
                if text != self._told and rest.strip():
                    yield Token(rest)

    correction = False
    rest = None

    @property
    def reminder(self) -> list[BaseMessage]:
        text = self._reply.text if self._reply else ""
        said = f"That was no answer and no call of a tool: {self.problem}. Try again."
        return [AIMessage(text or "(nothing)"), HumanMessage(said)]

    def _wrong(self, reply: AIMessage) -> str:
        """Why ``reply`` is neither an answer nor a call that can be made, empty if it is."""
        calls = bool(reply.tool_calls or reply.invalid_tool_calls)
        if calls and not self._names:
            return "no tool may be called now"
        if reply.invalid_tool_calls:
            return f"the arguments of {reply.invalid_tool_calls[0]['name']} are not JSON"
        if calls and was_cut(reply):
            return "the call was cut before its end"
        if not calls and not reply.text.strip():
            return "it is empty"
        if not calls and _is_call(reply.text, self._names):
            return "a call of a tool does not belong into the text"
        return ""


def _is_call(text: str, names: frozenset[str]) -> bool:
    """Whether ``text`` is a tool call, written out where an answer belongs."""
    bare = text.strip().removeprefix("```").removeprefix("json").removesuffix("```").strip()
    if not (names and bare.startswith("{") and len(bare) < _LONGEST_CALL):
        return False
    try:
        value = json.loads(bare)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.get("name") in names and len(value) <= 3
