"""A history as turns: each starts at a user message and holds all that came of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

Turn = tuple[BaseMessage, ...]


@dataclass(frozen=True, slots=True)
class Turns:
    """``head``: what comes before the first user message. ``turns``: the rest, in order."""

    head: Turn
    turns: tuple[Turn, ...]


def split(history: Sequence[BaseMessage]) -> Turns:
    """Cut ``history`` at its user messages; nothing is lost, changed or copied."""
    head: list[BaseMessage] = []
    turns: list[list[BaseMessage]] = []
    for message in history:
        if isinstance(message, HumanMessage):
            turns.append([message])
        else:
            (turns[-1] if turns else head).append(message)
    return Turns(tuple(head), tuple(tuple(turn) for turn in turns))


def system_of(messages: Iterable[BaseMessage]) -> list[BaseMessage]:
    """The system messages among ``messages``."""
    return [m for m in messages if isinstance(m, SystemMessage)]


def keep_last(history: Turns, count: int) -> list[BaseMessage]:
    """The last ``count`` turns whole, after every system message of what comes before them.

    So the result starts on a user message (system messages aside), and a tool's result never
    stands without its call.
    """
    first = max(0, len(history.turns) - count)
    dropped = [m for turn in (history.head, *history.turns[:first]) for m in turn]
    return system_of(dropped) + [m for turn in history.turns[first:] for m in turn]
