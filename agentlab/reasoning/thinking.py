"""A thought and an answer in one decoding: the grammar, and reading it as it comes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agentlab.events import Event, Thought
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
    """Tells a thought as its chunks come.

    The answer behind it is not told: it may be cut and asked for again, or be respelled.
    """

    def __init__(self) -> None:
        self._held = ""  # what may be the beginning of the mark
        self._answering = False

    def take(self, chunk: Any) -> Iterator[Event]:
        """The events of ``chunk``."""
        if self._answering:
            return
        shown, mark, _ = (self._held + str(chunk.text)).partition(MARK)
        self._answering = bool(mark)
        if not mark:
            kept = next((n for n in range(len(MARK) - 1, 0, -1) if shown.endswith(MARK[:n])), 0)
            shown, self._held = shown[: len(shown) - kept], shown[len(shown) - kept :]
        if shown:
            yield Thought(shown)
