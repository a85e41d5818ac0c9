"""Models and tools for the tests of agents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import llguidance
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.tools import BaseTool, tool

from agentlab.agents import Agent
from agentlab.boundary import Call, Handler
from agentlab.events import Answer, Event
from agentlab.models.scripted import ScriptedChatModel
from agentlab.tools import ToolPolicy, guard


def native(*replies: Any) -> ScriptedChatModel:
    """A model with native tool calls that gives ``replies``."""
    return ScriptedChatModel(replies=list(replies))


class TextModel(ScriptedChatModel):
    """A model that tools cannot be bound to."""

    bind_tools = BaseChatModel.bind_tools  # type: ignore[assignment]


class Held(TextModel):
    """A model that counts as one whose decoding is held to a grammar."""

    @property
    def _llm_type(self) -> str:
        return "gguf"


def text(*replies: Any) -> TextModel:
    """A model without native tool calls that gives ``replies``."""
    return TextModel(replies=list(replies))


def call(name: str, **args: Any) -> dict[str, Any]:
    """A reply that calls one tool."""
    return {"tool_calls": [{"name": name, "args": args}]}


def acts(name: str, args: str, thought: str = "I need it.") -> str:
    """The same, as text."""
    return f"Thought: {thought}\nAction: {name}\nAction Input: {args}"


class Spy(Handler):
    """Keeps what models are shown."""

    def __init__(self) -> None:
        self.shown: list[list[BaseMessage]] = []

    def stream(self, call: Call, proceed: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        if call.kind == "model":
            self.shown.append(list(call.arguments["messages"]))
        yield from proceed()

    def texts(self) -> str:
        """All of it, as one text."""
        return "\n".join(m.text for messages in self.shown for m in messages)


class Effects:
    """Tools that keep a list of what was done."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def tool(self, **policy: Any) -> BaseTool:
        """``send(text)``, with side effects unless ``policy`` says otherwise."""

        @tool
        def send(text: str) -> str:
            """Send a text."""
            self.done.append(text)
            return f"sent {text}"

        return guard(send, ToolPolicy(**{"side_effects": True, "untrusted": False, **policy}))


def reading(result: str, name: str = "read") -> BaseTool:
    """A tool without side effects whose results others wrote."""

    @tool(name)
    def read() -> str:
        """Read the mail."""
        return result

    return guard(read, ToolPolicy())


def run(agent: Agent, question: Any = "Go.") -> tuple[dict[str, Any], list[Event]]:
    """The result, and the events before it."""
    events = list(agent.stream(question))
    last = events.pop()
    assert isinstance(last, Answer)
    return last.value, events


def of(kind: type, events: Sequence[Event]) -> list[Any]:
    """The events of one kind."""
    return [event for event in events if isinstance(event, kind)]


def accepts(grammar: str, text: str) -> bool:
    """Whether ``text`` is whole under a Lark ``grammar``."""
    matcher = llguidance.LLMatcher(llguidance.LLTokenizer("byte"), grammar)
    return bool(matcher.consume_tokens(list(text.encode())) and matcher.is_accepting())
