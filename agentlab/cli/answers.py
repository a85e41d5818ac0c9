"""Events as text: each step's answer, in order, as it comes."""

from __future__ import annotations

from typing import Any

from agentlab.cli.console import Console
from agentlab.cli.jsonlines import as_json
from agentlab.events import Answer, Event, StepFinished, StepStarted, Token, Usage


class AnswerWriter:
    """Writes the steps of a run to stdout, a blank line between them.

    On a terminal each has its name above. Of steps that run side by side, the first streams and
    the others wait for it.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._waiting: dict[str, _Step] = {}  # in the order they are shown; the first streams
        self._groups: set[str] = set()  # steps that are chains: their own steps are shown
        self._written = 0
        self._anonymous = False

    def hear(self, event: Event) -> None:
        """Show ``event``, if there is something to show."""
        match event:
            case StepStarted(step=name):
                self._groups.update(_parents(name))
                for group in _parents(name):
                    self._waiting.pop(group, None)
                self._waiting[name] = _Step(name)
            case Token(text=text, step=""):
                self._anonymous = True
                self._console.answer(text)
            case Token(text=text, step=name):
                self._step(name).parts.append(text)
            case StepFinished(step=name, value=value) if name not in self._groups:
                self._step(name).finish(value)
            case Answer(value=value) if not self._written and not self._anonymous:
                self._console.line(_shown(value))
            case Usage() if self._console.interactive:
                self._console.end_line()
                self._console.note(_summary(event), style="dim")
            case _:
                return
        self._advance()

    def close(self) -> None:
        """End the last line, after an error or at the end."""
        self._console.end_line()

    def _step(self, name: str) -> _Step:
        return self._waiting.setdefault(name, _Step(name))

    def _advance(self) -> None:
        while self._waiting:
            step = next(iter(self._waiting.values()))
            if step.parts or step.finished:
                self._head(step)
            self._console.answer("".join(step.parts))
            step.parts.clear()
            if not step.finished:
                return
            self._console.end_line()
            del self._waiting[step.name]

    def _head(self, step: _Step) -> None:
        if step.headed:
            return
        step.headed = True
        if self._written:
            self._console.answer("\n")
        self._written += 1
        if self._console.interactive:
            self._console.note(step.name, style="dim")


class _Step:
    def __init__(self, name: str) -> None:
        self.name = name
        self.parts: list[str] = []
        self.streamed = False
        self.finished = False
        self.headed = False

    def finish(self, value: Any) -> None:
        if not self.headed and not self.parts:
            self.parts.append(_shown(value))
        self.finished = True


def _shown(value: Any) -> str:
    match value:
        case str():
            return value
        case {"answer": str(text), "messages": [*_]}:  # of an agent, or an answer from documents
            return text
        case _:
            return as_json(value, indent=2)


def _parents(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]


def _summary(usage: Usage) -> str:
    calls = "1 call" if usage.model_calls == 1 else f"{usage.model_calls} calls"
    return (
        f"{calls}, {usage.input_tokens} tokens read, {usage.output_tokens} written, "
        f"{usage.seconds:.1f} s"
    )
