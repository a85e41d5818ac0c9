"""Putting an answer together from the pieces in which it comes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    ToolMessage,
    message_chunk_to_message,
)

from agentlab.errors import RunError
from agentlab.events import Answer, Event, Retrieved, Token, ToolCall, ToolResult, Usage
from agentlab.untrusted import DOCUMENTS, made_from

# Under which key a chain or an agent that returns a mapping has its answer.
ANSWER_KEYS = ("answer", "output", "text", "messages")


class Collector:
    """Takes the pieces a target streams, and gives the events and messages they make.

    A target may stream texts, message chunks, whole messages, mappings with one of
    ``ANSWER_KEYS``, or events; of events, :class:`~agentlab.events.Answer` has the result.
    """

    def __init__(self) -> None:
        self._chunk: AIMessageChunk | None = None
        self._text = ""
        self._whole: list[BaseMessage] | None = None
        self._steps: list[BaseMessage] = []
        self._other_keys: list[str] = []
        self._retrieved = False

    def take(self, item: Any) -> Iterator[Event]:
        """Take one piece.

        Raises:
            RunError: it is nothing that can be an answer.
        """
        match item:
            case Event():
                yield from self._event(item)
            case AIMessageChunk():
                self._chunk = item if self._chunk is None else self._chunk + item
                if item.text:
                    yield Token(str(item.text))
            case str():
                self._text += item
                if item:
                    yield Token(item)
            case BaseMessage():
                self._whole = [item if isinstance(item, AIMessage) else AIMessage(item.text)]
                yield Token(str(item.text))
            case Mapping():
                for key in ANSWER_KEYS:
                    if key in item:
                        yield from self._value(key, item[key])
                        break
                else:
                    self._other_keys.extend(str(key) for key in item)
            case _:
                raise RunError(
                    f"a session cannot use {type(item).__name__} as an answer",
                    hint="end the chain in a model or in text",
                )

    def result(self) -> list[BaseMessage]:
        """The :meth:`messages` of an answer that has come to its end.

        Raises:
            RunError: mappings came, and none of them had an answer.
        """
        messages = self.messages()
        if self._other_keys and not any(m.text for m in messages):
            keys = ", ".join(dict.fromkeys(self._other_keys))
            raise RunError(
                f"the chain's result has no answer, only {keys}",
                hint=f"name the step that answers one of {', '.join(ANSWER_KEYS)}",
            )
        if not isinstance(messages[-1], AIMessage):  # a tool that answers the user itself
            messages = [*messages, AIMessage(messages[-1].text)]
        return messages

    def messages(self) -> list[BaseMessage]:
        """What has come so far: tool calls and results, then the answer. Never empty."""
        messages = self._messages()
        if self._retrieved:  # an answer made from documents is text from outside
            messages = [*messages[:-1], made_from(messages[-1], [DOCUMENTS])]
        return messages

    def _messages(self) -> list[BaseMessage]:
        if self._whole is not None:
            return self._whole
        if self._chunk is not None:
            answer = message_chunk_to_message(self._chunk)
        else:
            answer = AIMessage(self._text)
        return [*self._steps, answer]

    def keep_partial(self, text: str) -> None:
        """Have at least ``text``, which an error says had come."""
        if len(text) > len(self.messages()[-1].text):
            self._whole, self._chunk, self._text = None, None, text

    def _event(self, event: Event) -> Iterator[Event]:
        match event:
            case Token(text):
                self._text += text
            case ToolCall(id, name, args):
                call = {"name": name, "args": args, "id": id, "type": "tool_call"}
                last = self._steps[-1] if self._steps else None
                if isinstance(last, AIMessage) and not self._text:  # calls made together
                    call_list = [*last.tool_calls, call]
                    self._steps[-1] = AIMessage(last.content, tool_calls=call_list)
                else:
                    self._steps.append(AIMessage(self._text, tool_calls=[call]))
                self._text = ""
            case ToolResult(id, name, content, error):
                status = "error" if error else "success"
                self._steps.append(ToolMessage(content, tool_call_id=id, name=name, status=status))
            case Answer(value):
                self._result(value)
                return
            case Retrieved(_, documents):
                self._retrieved = self._retrieved or bool(documents)
            case Usage():  # the session tells it, from the messages
                return
        yield event

    def _value(self, key: str, value: Any) -> Iterator[Event]:
        if key == "messages":
            self._result({key: value})
            yield Token(self.messages()[-1].text)
        elif isinstance(value, str | BaseMessage):
            yield from self.take(value)
        else:
            yield from self.take(str(value))

    def _result(self, value: Any) -> None:
        """Take ``value`` as the whole answer: messages, one of them, or a text."""
        if isinstance(value, Mapping):
            found = next((value[key] for key in ANSWER_KEYS[::-1] if key in value), None)
            value = str(dict(value)) if found is None else found
        if isinstance(value, list) and value and all(isinstance(m, BaseMessage) for m in value):
            users = [n for n, m in enumerate(value) if isinstance(m, HumanMessage)]
            self._whole = value[users[-1] + 1 :] if users else value
        elif isinstance(value, BaseMessage):
            self._whole = [*self._steps, value]
        else:
            self._whole = [*self._steps, AIMessage(str(value))]
        if not self._whole:
            self._whole = [AIMessage("")]
