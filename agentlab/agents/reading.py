"""Reading a step that a model writes as text, while it writes.

::

    Thought: I need the price in euros.
    Action: calculator
    Action Input: {"expression": "1599 * 0.85"}

A reader takes the text in pieces and hands on thought and answer without their labels, as soon as
it is clear that no label is being written. It is tolerant: labels in any case, numbered, as a
heading without a colon, with markdown around them, arguments in a code fence. Its time is linear in
the text. It stops at an "Observation:" that the model makes up, and what comes after the first
"Final Answer:" is the answer. Where that stands in a line of the thought, behind a sentence, the
answer is the rest of the line: a model that has said it there only goes on because it must. A
thought that goes round in circles is at its end.

An answer may have lines that look like labels ("Question: …" of a quiz). It ends only where the
model makes up another step: at an "Observation:", a second "Final Answer:", or the "Action:" of a
tool that there is; a "Question:" or "Thought:" that led there is not of the answer either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from langchain_core.tools import BaseTool

from agentlab.agents.arguments import NotArguments, read_arguments, unfenced
from agentlab.agents.circles import circle, said_once
from agentlab.agents.naming import (
    ANSWER_AS_ACTION,
    as_object,
    first_line,
    is_none,
    plain,
    split_name,
)
from agentlab.events import Event, Thought, Token

Section = Literal["", "thought", "action", "input", "answer"]
_SECTIONS: dict[str, Section] = {
    "thought": "thought",
    "action": "action",
    "action input": "input",
    "final answer": "answer",
}
_OTHERS = ("observation", "question", "task")  # what the model makes up after its step
_LABEL = re.compile(
    r"[\s>*_#`-]{0,8}(?P<label>thought|action[ _]?input|action|final[ _]?answer|observation"
    r"|question|task)[\s*_`]{0,4}[:：][*_`]{0,3}[ \t]?",
    re.IGNORECASE,
)
# What models write for these all the same; a grammar keeps them from being labels.
_NUMBERED = re.compile(
    r"[\s>*_#`-]{0,8}(?P<label>thought|action[ _]?input|action|observation)"
    r" ?\d{1,2}[\s*_`]{0,4}[:：][*_`]{0,3}[ \t]?",
    re.IGNORECASE,
)
_HEADING = re.compile(
    r"(?:[\s>*_#`-]{1,8}(?P<label>thought|action[ _]?input|action)[\s*_`]{0,8}"
    r"|[\s>*_#`-]{0,8}(?P<answer>final[ _]?answer)[\s*_`]{0,8})\n?",
    re.IGNORECASE,
)
_MAY_END_ANSWER = re.compile(r"[\s>*_#`-]{0,8}action\b", re.IGNORECASE)
_DOUBTFUL = ("thought", "question", "task")  # in an answer: of it, or of a step made up after it
_SENTENCE_END = r"(?P<end>[.!?][)\"'*\]$]{0,4})"
_ANSWER_IN_LINE = re.compile(
    _SENTENCE_END + r" {1,3}[*_`]{0,3}final[ _]answer[*_` ]{0,4}[:：]",
    re.IGNORECASE,
)
_LONGEST_LABEL = 32  # characters, signs around it included
_MOST = 1_000_000  # characters of a reply; nobody writes a longer step


@dataclass(frozen=True, slots=True)
class Step:
    """What a reply says: a call (``name`` and ``args``), or an answer, or neither with a reason."""

    thought: str = ""
    name: str = ""
    args: dict[str, Any] | None = None
    answer: str = ""
    problem: str = ""


def _beginnings(word: str) -> str:
    """A pattern for every beginning of ``word``, the empty one too."""
    pattern = ""
    for letter in reversed(word):
        pattern = f"(?:{'[ _]' if letter == ' ' else letter}{pattern})?"
    return pattern


_MAYBE_ANSWER = re.compile(  # what may become _ANSWER_IN_LINE
    _SENTENCE_END + r" {0,3}[*_`]{0,3}" + _beginnings("final answer") + r"[*_` ]{0,4}\Z",
    re.IGNORECASE,
)


class StepReader:
    """Reads one reply; ``done`` when nothing after what was read counts.

    ``exact`` is for what was decoded under a grammar: its labels are written in one way only.
    """

    def __init__(self, tools: Sequence[BaseTool] = (), *, exact: bool = False) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._exact = exact
        self._ends = {plain(name) for name in (*self._tools, "final answer")}
        self._longest_action = _LONGEST_LABEL + max(map(len, self._tools), default=0)
        self._parts: dict[Section, list[str]] = {}
        self._section: Section = ""
        self._line = ""  # the beginning of a line, while it may still be a label
        self._at_start = True  # of a line
        self._pending: list[str] = []  # white space, shown only when something follows
        self._shown: set[Section] = set()
        self._read = 0
        self._held = ""  # of a thought: what may become an answer in its line
        self._in_line = False  # the answer ends with its line
        self._closing = ""  # what, before the answer's label, is still to be closed
        self._answered = False  # there is more than white space in the answer
        self._doubted: list[str] | None = None  # the end of an answer, or a step after it
        self._said: list[str] = []  # lines of the section
        self._saying: list[str] = []
        self._circles = False
        self.done = False

    def take(self, text: str) -> Iterator[Event]:
        """Read on; yields what can be shown of thought and answer."""
        self._read += len(text)
        for line in text.splitlines(keepends=True):
            if self.done:
                return
            yield from self._take_line(line)
        self.done = self.done or self._read > _MOST

    def end(self) -> Iterator[Event]:
        """The reply is over: what was held back is shown."""
        if self._at_start and self._line and not self.done:
            line, self._line = self._line, ""
            yield from self._begin(line)
        held, self._held = self._held, ""
        yield from self._put(held)
        doubted, self._doubted = self._doubted or [], None
        for text in doubted:
            yield from self._put(text)
        if (rest := "".join(self._pending).rstrip()) and self._whole_answer().endswith(
            rest.strip()
        ):
            self._pending.clear()
            yield Token(rest)

    @property
    def began_to_act(self) -> bool:
        """Whether an action or an answer has begun, whole or not."""
        return "action" in self._parts or "answer" in self._parts

    def step(self) -> Step:
        """What the whole reply says. The first of call and answer counts."""
        thought = self._text("thought") or self._text("")
        if "action" in self._parts:
            return self._call(thought)
        if self._text("answer"):
            return Step(thought, answer=self._whole_answer())
        if self._circles:
            return Step(thought, problem="it says the same again and again")
        if not thought:
            return Step(problem="it is empty")
        return Step(thought, problem="it has neither an Action nor a Final Answer")

    def _call(self, thought: str) -> Step:
        said = self._text("action")
        if answer := ANSWER_AS_ACTION.match(said):
            return Step(thought, answer=self._text("input") or answer["said"].strip("*_`\"'() \n"))
        name, inline = split_name(first_line(said))
        given = self._text("input") or inline
        if (written := as_object(unfenced(said))) is not None:
            name, given = written
        tool = self._tools.get(name) or next(
            (t for t in self._tools.values() if plain(t.name) == plain(name)), None
        )
        if tool is None:
            if is_none(name):
                return Step(thought, problem="its Action names no tool")
            return Step(thought, name=name[:64], args={})  # the model is told which tools there are
        try:
            return Step(thought, name=tool.name, args=read_arguments(given, tool))
        except NotArguments as error:
            return Step(thought, problem=str(error))

    def _whole_answer(self) -> str:
        answer, closing = self._text("answer"), self._closing
        if closing and answer.endswith(closing) and answer.count(closing) % 2:
            return answer.removesuffix(closing).rstrip()
        return answer

    def _text(self, section: Section) -> str:
        return "".join(self._parts.get(section, [])).strip()

    def _take_line(self, line: str) -> Iterator[Event]:
        """``line`` may be the rest of one, and may have no end yet."""
        if not self._at_start:
            yield from self._add(line)
        else:
            self._line += line
            if not line.endswith("\n") and len(self._line) < self._needed():
                return
            line, self._line = self._line, ""
            yield from self._begin(line)
        self._at_start = line.endswith("\n")

    def _needed(self) -> int:
        """How many characters of a line tell whether it has a label."""
        if self._section == "answer" and _MAY_END_ANSWER.match(self._line):
            return self._longest_action
        return _LONGEST_LABEL

    def _label(self, line: str) -> tuple[str, int]:
        """The label that ``line`` begins with, and where it ends; empty for none."""
        match = _LABEL.match(line)
        if match is None and not self._exact:
            match = _NUMBERED.match(line)
            if match and self._section == "answer" and match["label"].lower() == "observation":
                return "", 0  # of a report: those that models make up behind an answer have none
            if match is None and self._section != "answer" and len(line) <= _LONGEST_LABEL:
                match = _HEADING.fullmatch(line)
        if match is None:
            return "", 0
        label = next(text for text in match.groupdict().values() if text)
        return re.sub(r"[ _]?(input|answer)$", r" \1", label.lower()), match.end()

    def _begin(self, line: str) -> Iterator[Event]:
        """The beginning of a line, long enough to tell whether it has a label."""
        self._at_start = False
        label, end = self._label(line)
        if self._section == "answer":
            yield from self._begin_in_answer(line, label, end)
            return
        if not label:
            yield from self._add(line)
            return
        if label == "final answer" and self._names_no_tool():
            for section in ("action", "input"):
                self._parts.pop(section, None)
        if label in _OTHERS or self._is_over(label):
            self.done = bool(self._parts)
            if self.done:
                return
            label = ""  # a reply that begins by repeating its task
        self._section = _SECTIONS.get(label, "")
        if self._section == "answer":
            self._closing = _unclosed(line[:end]) or ("```" if "```" in self._text("") else "")
        self._said.clear()
        self._parts.setdefault(self._section, [])
        yield from self._add(line[end:])

    def _begin_in_answer(self, line: str, label: str, end: int) -> Iterator[Event]:
        if label == "final answer" and not self._answered and self._doubted is None:
            yield from self._add(line[end:])
            return
        if label in ("observation", "final answer") or (
            label == "action" and self._is_action(line[end : self._longest_action])
        ):
            self._doubted = None
            self.done = True
            return
        if label in _DOUBTFUL and self._doubted is None:
            self._doubted = []
        yield from self._add(line)

    def _is_action(self, said: str) -> bool:
        """Whether ``said``, which may be cut, names a tool, alone or with arguments behind it."""
        called = re.match(r"[\s*_`\"']*([\w.-]+)[*_`\"']*[(\[]", said)
        name = called[1] if called else split_name(said)[0]
        return plain(name) in self._ends

    def _names_no_tool(self) -> bool:
        """Whether there is an action that is none: the answer that follows is meant."""
        name, _ = split_name(first_line(self._text("action")))
        known = any(plain(tool) == plain(name) for tool in self._tools)
        return "action" in self._parts and not known and is_none(name)

    def _is_over(self, label: str) -> bool:
        """Whether ``label`` begins another step."""
        if label == "action input":
            return "input" in self._parts
        return "action" in self._parts

    def _add(self, text: str) -> Iterator[Event]:
        if self._doubted is not None:
            self._doubted.append(text)
            return
        if self._section in ("", "thought"):
            text, self._held = self._held + text, ""
            if match := _ANSWER_IN_LINE.search(text):
                yield from self._put(text[: match.end("end")])
                self._section, self._in_line = "answer", True
                text = text[match.end() :]
            elif match := _MAYBE_ANSWER.search(text):
                text, self._held = text[: match.start()], text[match.start() :]
        if self._in_line and not self._answered:
            text = text.lstrip("*_` \t")
        yield from self._put(text)
        if self._in_line and text.endswith("\n"):
            self.done = self._answered
        if text.endswith("\n"):
            self._end_line()

    def _end_line(self) -> None:
        line = "".join(self._saying).strip()
        self._saying.clear()
        if not line or self._section not in ("", "thought"):  # an answer may have to say it
            return
        self._said.append(line)
        if size := circle(self._said):
            self.done = self._circles = True
            self._parts[self._section] = [said_once("".join(self._parts[self._section]), size)]

    def _put(self, text: str) -> Iterator[Event]:
        if not text:
            return
        self._saying.append(text)
        section = self._section
        self._parts.setdefault(section, []).append(text)
        if section == "answer" and not text.isspace():
            self._answered = True
        if section not in ("thought", "answer"):
            return
        kept = text.rstrip()
        if section == "answer" and self._closing:
            kept = kept.rstrip(self._closing[0]).rstrip()
        if not kept:
            self._pending.append(text)
            return
        before = "".join(self._pending)
        shown = before + kept if section in self._shown else kept.lstrip()
        self._pending = [text[len(kept) :]]
        self._shown.add(section)
        yield Thought(shown) if section == "thought" else Token(shown)


def _unclosed(label: str) -> str:
    """The emphasis that begins before ``label`` and does not end behind it."""
    begun = re.match(r"[\s>#-]*([*_`]*)", label)
    signs = begun[1] if begun else ""
    return signs if signs and label.count(signs) == 1 else ""
