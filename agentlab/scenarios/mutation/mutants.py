"""The changed runs of a run, always the same ones."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentlab.recording.codec import plain
from agentlab.scenarios.mutation import calls, citing, texts, values
from agentlab.scenarios.results import Run, TurnRun


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed run. ``what`` is the kind of change, ``change`` what was changed, in one line."""

    what: str
    turn: int
    change: str
    run: Run


def answer_mutants(run: Run, index: int) -> Iterator[Mutant]:
    """The runs in which the answer of turn ``index`` is another, each answer once."""
    turn = run.turns[index]
    seen = {_mark(turn)}
    for what, change, changed in _changed_turns(run, index):
        mark = _mark(changed)
        if mark not in seen:
            seen.add(mark)
            yield Mutant(what, index, change, _with_turn(run, index, changed))


def call_mutants(run: Run, index: int) -> Iterator[Mutant]:
    """The runs in which turn ``index`` made other tool calls."""
    turn = run.turns[index]
    for what, change, steps in calls.changed(run, turn.first, turn.last):
        yield Mutant(what, index, change, _with_steps(run, index, steps))


def _mark(turn: TurnRun) -> tuple[str, str]:
    return turn.text, repr(turn.output)


def _changed_turns(run: Run, index: int) -> Iterator[tuple[str, str, TurnRun]]:
    turn = run.turns[index]
    others = [t.text for t in (*run.turns[:index][::-1], *run.turns[index + 1 :])]
    output = turn.output
    if _is_text(output):
        parsed = _parsed(turn.text)
        if parsed is not None:
            for what, change, value in values.changed(parsed):
                yield what, change, _with_text(turn, json.dumps(value, ensure_ascii=False))
            for what, change, text in texts.cut(turn.text, others):
                yield what, change, _with_text(turn, text)
        else:
            for what, change, text in texts.changed(turn.text, others):
                yield what, change, _with_text(turn, text)
    else:
        place = _place(turn)
        if place is not None:
            for what, change, text in texts.changed(turn.text, others):
                yield what, change, _with_value(turn, values.replaced(output, place, text), text)
        for what, change, value in values.changed(output, _no_answer(turn, place)):
            yield what, change, _with_value(turn, value, _text_of(turn, value))
    for what, change, text, value in citing.changed(run, index):
        yield (
            what,
            change,
            (_with_text(turn, text) if _is_text(output) else _with_value(turn, value, text)),
        )


# Of a mapping: what the answer was made from, what is said of it, what has changes of its own.
_BESIDE = (
    *("documents", "contexts", "dropped"),
    *("sentences", "supported", "usage"),
    *("citations", "messages"),
)


def _place(turn: TurnRun) -> values.Path | None:
    """Where in a turn's value its text stands: under the key of the answer, or at the last place.

    Messages and sentences beside an answer may have the same text.
    """
    output = turn.output
    if isinstance(output, Mapping) and turn.text and output.get("answer") == turn.text:
        return ("answer",)
    return values.place_of(output, turn.text)


def _no_answer(turn: TurnRun, place: values.Path | None) -> list[values.Path]:
    """Where in a turn's value to change nothing: its text, what it was given, what it came from."""
    paths: list[values.Path] = [(name,) for name in _BESIDE]
    if isinstance(turn.input, Mapping) and isinstance(turn.output, Mapping):
        paths += [(k,) for k, v in turn.input.items() if turn.output.get(k) == v]
    return paths if place is None else [*paths, place]


def _is_text(output: Any) -> bool:
    return (
        output is None
        or isinstance(output, str)
        or (hasattr(output, "content") and hasattr(output, "type"))
    )


def _parsed(text: str) -> Any:
    """The mapping or list that a text is as JSON, None where it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) and value else None


def _with_text(turn: TurnRun, text: str) -> TurnRun:
    output = turn.output
    if isinstance(output, str):
        output = text
    elif output is not None:
        output = output.model_copy(update={"content": text})
    return dataclasses.replace(turn, text=text, output=output, chunks=_cut(text, len(turn.chunks)))


def _with_value(turn: TurnRun, value: Any, text: str) -> TurnRun:
    chunks = turn.chunks if text == turn.text else _cut(text, len(turn.chunks))
    return dataclasses.replace(turn, text=text, output=value, chunks=chunks)


def _text_of(turn: TurnRun, value: Any) -> str:
    """The text of a changed value, made as that of the old one was."""
    if turn.text == str(turn.output):
        return str(value)
    if _parsed(turn.text) is None:
        return turn.text
    return json.dumps(plain(value), ensure_ascii=False)


def _cut(text: str, count: int) -> tuple[str, ...]:
    """``text`` in ``count`` pieces: a changed answer is streamed in as many as it was."""
    if count < 1:
        return ()
    size = -(-len(text) // count)
    return tuple(text[i * size : (i + 1) * size] for i in range(count))


def _with_turn(run: Run, index: int, turn: TurnRun) -> Run:
    turns = [*run.turns[:index], turn, *run.turns[index + 1 :]]
    return dataclasses.replace(run, turns=turns)


def _with_steps(run: Run, index: int, steps: Sequence[Any]) -> Run:
    """``run`` with other steps in one turn; the later ones move."""
    turn = run.turns[index]
    more = len(steps) - (turn.last - turn.first)
    turns = [
        t
        if i < index
        else dataclasses.replace(t, first=t.first + (more if i > index else 0), last=t.last + more)
        for i, t in enumerate(run.turns)
    ]
    every = [*run.steps[: turn.first], *steps, *run.steps[turn.last :]]
    return dataclasses.replace(run, turns=turns, steps=every)
