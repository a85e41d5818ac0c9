"""A thought and an answer in one decoding: the grammar, and reading it as it comes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agentlab.events import Event, Thought, Token
from agentlab.reasoning.answers import AnswerKind

MARK = "\nAnswer: "
_LONGEST_LINE = 400  # characters
# A model that would answer at once begins so, even without the colon it is not given.
_FIRST = r"[ *#_]*answer.*"
_LABEL = r"[ *#_]*answer[ *_]*:.*"  # what no line of a thought begins with


@dataclass(frozen=True, slots=True)
class Thinking:
    """What a model thought, and its answer; None where it was cut before it came to one."""

    thought: str
    answer: str | None


def thinking_grammar(kind: AnswerKind, max_lines: int) -> str:
    """A Lark grammar: lines of thought, none of which begins as the answer does, and the answer.

    A thought may end without the answer. A model that thinks it has answered, say in a box, and may
    not end goes on in circles until it is cut.
    """
    # A slash ends a pattern of Lark; those that are escaped stay as they are.
    answer = re.sub(r"\\.|/", lambda found: r"\/" if found[0] == "/" else found[0], kind.pattern)
    more = f'("\\n" LINE){{0,{max_lines - 1}}} ' if max_lines > 1 else ""
    return (
        f'start: FIRST {more}("\\nAnswer: " ANSWER)?\n'
        f"FIRST: /[^\\s\\x00-\\x1f][^\\n\\x00-\\x1f]{{0,{_LONGEST_LINE - 1}}}/ & ~/{_FIRST}/i\n"
        f"LINE: /[^\\n\\x00-\\x1f]{{0,{_LONGEST_LINE}}}/ & ~/{_LABEL}/i\n"
        f"ANSWER: /{answer}/\n"
    )


def thinking_schema(kind: AnswerKind) -> dict[str, Any]:
    """The same as a JSON schema, for models that are held to one."""
    return {
        "title": "thinking",
        "description": "The reasoning, then the answer alone.",
        "type": "object",
        "properties": {
            "thought": {"type": "string", "description": "the reasoning, step by step"},
            "answer": {**kind.schema, "description": kind.told},
        },
        "required": ["thought", "answer"],
        "additionalProperties": False,
    }


def read_thinking(text: str, *, cut: bool) -> Thinking:
    """The thought and the answer in ``text``, written under :func:`thinking_grammar`.

    No line of the thought begins as the answer does, so nothing is guessed. An answer that was
    ``cut`` is none.
    """
    thought, mark, answer = text.partition(MARK)
    if not mark or cut:
        return Thinking(thought.rstrip(), None)
    return Thinking(thought.strip(), answer.strip())


class ThinkingReader:
    """Tells a thought and an answer as their chunks come.

    Unless it ``tells_answer``, the thought alone: an answer that is respelled is told once whole.
    """

    def __init__(self, *, tells_answer: bool = True) -> None:
        self._tells_answer = tells_answer
        self._held = ""  # what may be the beginning of the mark
        self._answering = False

    def take(self, chunk: Any) -> Iterator[Event]:
        """The events of ``chunk``."""
        text = str(chunk.text)
        if self._answering:
            if text and self._tells_answer:
                yield Token(text)
            return
        before, mark, after = (self._held + text).partition(MARK)
        if mark:
            self._answering = True
            self._held = ""
            if before:
                yield Thought(before)
            if after and self._tells_answer:
                yield Token(after)
            return
        kept = next((n for n in range(len(MARK) - 1, 0, -1) if before.endswith(MARK[:n])), 0)
        shown, self._held = before[: len(before) - kept], before[len(before) - kept :]
        if shown:
            yield Thought(shown)
