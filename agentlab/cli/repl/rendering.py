"""The events of an answer, as text that is only ever added to."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from agentlab.cli.citing import cite
from agentlab.cli.console import Console
from agentlab.cli.repl.markdown import MarkdownStream
from agentlab.events import (
    Answer,
    Event,
    Retrieved,
    Thought,
    Token,
    ToolCall,
    ToolResult,
    Usage,
    Warned,
)

_RESULT_LINES = 10
# What is said of each of an agent's limits.
_CUT_SHORT = {
    "steps": "as many steps as it may take",
    "model_calls": "as many model calls as it may make",
    "tool_calls": "as many tool calls as it may make",
    "tokens": "as many tokens as it may use",
    "seconds": "no time was left",
    "repeated": "it made the same call again and again",
    "max_tokens": "the answer has as many tokens as it may have",
    "malformed": "the model's last replies were neither a call nor an answer",
}


class TurnWriter:
    """Writes one answer to stdout as it comes, and dim beside it what led there.

    Attributes:
        usage: what the answer used, None until it is told.
        first: seconds until its first token.
    """

    def __init__(self, console: Console, *, markdown: bool = False) -> None:
        self._console = console
        self._markdown = MarkdownStream(console) if markdown and console.out_is_terminal else None
        self._started = time.monotonic()
        self._written = False
        self._thought: list[str] = []
        self.usage: Usage | None = None
        self.first: float | None = None

    def hear(self, event: Event) -> None:
        """Show ``event``, if there is something to show."""
        if not isinstance(event, Thought):
            self._think()
        match event:
            case Token(text=text):
                self._text(text)
            case Answer(value=value):
                if not self._written:
                    self._text(value if isinstance(value, str) else getattr(value, "text", ""))
                self._cite(value)
                self._say_cut(value)
            case Thought(text=text):
                self._thought.append(text)  # it comes in pieces
            case ToolCall(name=name, args=args):
                self._aside(f"→ {name}({_arguments(args)})")
            case ToolResult(name=name, content=content, error=failed):
                self._aside(f"← {name}{' failed' if failed else ''}: {_shortened(content)}")
            case Retrieved(query=query, documents=documents):
                self._aside(f"← {len(documents)} documents for {query!r}")
            case Warned(message=message, hint=hint):
                self._pause()
                self._console.note(f"warning: {message}" + (f" ({hint})" if hint else ""))
            case Usage():
                self.usage = event

    def close(self) -> None:
        """End the last line, after an error or at the end."""
        self._think()
        if self._markdown is not None:
            self._markdown.finish()
        self._console.end_line()

    def _cite(self, value: Any) -> None:
        """The documents of an answer that was made from some."""
        citations = getattr(value, "additional_kwargs", {}).get("citations")
        if isinstance(citations, list) and all(_is_ours(citation) for citation in citations):
            self._pause()
            cite(self._console, citations)

    def _say_cut(self, value: Any) -> None:
        """That an agent's answer was made at a limit."""
        told = getattr(value, "response_metadata", {})
        stopped = told.get("stopped")
        if stopped is None and "model_calls" in told:
            from agentlab.models._structured import was_cut

            stopped = "max_tokens" if was_cut(value) else None
        if why := _CUT_SHORT.get(stopped if isinstance(stopped, str) else ""):
            self._pause()
            self._console.note(f"warning: cut short: {why}")

    def _think(self) -> None:
        thought, self._thought = "".join(self._thought).strip(), []
        if thought:
            self._aside(thought)

    def _text(self, text: str) -> None:
        if not text:
            return
        if self.first is None:
            self.first = time.monotonic() - self._started
        self._written = True
        if self._markdown is not None:
            self._markdown.feed(text)
        else:
            self._console.answer(text)

    def _aside(self, text: str) -> None:
        self._pause()
        if self._console.interactive:
            self._console.note(text, style="dim")

    def _pause(self) -> None:
        if self._markdown is not None:
            self._markdown.finish()
        self._console.end_line()


def _is_ours(citation: Any) -> bool:
    """Whether it is one of ``create_rag``'s; models have citations of other forms."""
    return isinstance(citation, Mapping) and {"number", "span", "quote", "file"} <= citation.keys()


def _arguments(args: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name}={json.dumps(value, ensure_ascii=False, default=str)}"
        for name, value in args.items()
    )


def _shortened(text: str) -> str:
    lines = text.strip().splitlines()
    left = len(lines) - _RESULT_LINES
    if left <= 0:
        return "\n".join(lines)
    return "\n".join([*lines[:_RESULT_LINES], f"… {left} more lines"])
