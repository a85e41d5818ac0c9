"""The order of steps in a recording, the same whatever the threads did.

Calls made one after the other by the code that opened the tape keep their order. A section of calls
from other threads and tasks (a batch, parallel branches; a pool may run them all on one thread) is
put in an order of its content: what others need comes first (an answer before the request that
holds it), the rest by key. Matching never depends on it; reading, diffs and reports do.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from agentlab.recording.hashing import canonical, digest
from agentlab.recording.steps import Step

# The thread, and the task itself: kept, so that no later one can be taken for it.
Lane = tuple[int, Any]


_lane: contextvars.ContextVar[Lane | None] = contextvars.ContextVar("lane", default=None)


@contextmanager
def in_lane(lane: Lane | None) -> Iterator[None]:
    """Have calls in the block count as made in ``lane``, whatever thread makes them.

    None has them count where they are made, whatever is said around the block. For work that hands
    its calls to threads and yet makes one after the other: an agent's steps.
    """
    token = _lane.set(lane)
    try:
        yield
    finally:
        _lane.reset(token)


def current_lane() -> Lane:
    """The thread and task that this code runs in, or those that :func:`in_lane` says."""
    said = _lane.get()
    if said is not None:
        return said
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return threading.get_ident(), task


def ordered(steps: Sequence[tuple[Lane, Step]], home: Lane) -> list[Step]:
    """The steps, given in the order in which they began, each section of parallel ones sorted."""
    result: list[Step] = []
    section: list[tuple[Lane, Step]] = []
    group = 0
    for lane, step in steps:
        if lane != home:
            section.append((lane, step))
            continue
        group += _close(section, group, result)
        result.append(replace(step, group=0) if step.group else step)
    _close(section, group, result)
    return result


def _close(section: list[tuple[Lane, Step]], group: int, result: list[Step]) -> int:
    """Move a section to the result; the number of sections of parallel calls it was."""
    several = len(section) > 1
    number = group + 1 if several else 0
    result += [
        replace(step, group=number) if step.group != number else step
        for step in (_by_content(section) if several else [step for _, step in section])
    ]
    section.clear()
    return int(several)


def _by_content(section: list[tuple[Lane, Step]]) -> Iterator[Step]:
    # The same request twice: which thread was first must not show, so the outcome counts too.
    ranked = sorted(
        ((s.request.key, canonical(dict(s.request.identity)), s.outcome), i)
        for i, (_, s) in enumerate(section)
    )
    waiting = [index for _, index in ranked]
    needs = _needs(section)
    done: set[int] = set()
    while waiting:
        # Chance may make steps need each other (a short answer is in many texts): the first by key.
        index = next((i for i in waiting if needs[i] <= done), waiting[0])
        waiting.remove(index)
        done.add(index)
        yield section[index][1]


def _needs(section: list[tuple[Lane, Step]]) -> list[set[int]]:
    """For each step the others whose outcome its request holds, or that its task made before."""
    makes = [_made(step) for _, step in section]
    result = []
    last: dict[Any, int] = {}
    for index, (lane, step) in enumerate(section):
        held, texts, calls = _held(step)
        needed = {
            other
            for other, (mark, text, asked) in enumerate(makes)
            if other != index
            and (mark in held or calls & asked or (text and any(text in t for t in texts)))
        }
        if lane[1] is not None:
            if lane in last:
                needed.add(last[lane])
            last[lane] = index
        result.append(needed)
    return result


def _made(step: Step) -> tuple[str, str, set[str]]:
    """What came of a step: its hash as a message, its text, the tool calls in it."""
    if step.error is not None:
        return "", "", set()
    if step.kind == "model":
        form = step.reply["message"]
        asked = {canonical([c["name"], c["args"]]) for c in form.get("tool_calls", ())}
        text = form["content"] if isinstance(form["content"], str) else ""
        return digest(form), text, asked
    reply = step.reply
    if isinstance(reply, list) and reply and isinstance(reply[0], dict):
        reply = reply[0].get("v", {}).get("text", "")
    return "", reply if isinstance(reply, str) else canonical(reply), set()


def _held(step: Step) -> tuple[set[str], list[str], set[str]]:
    """What a request holds: the hashes of its messages, its texts, the tool call that it is."""
    request = step.request
    if step.kind == "tool":
        return set(), [], {canonical([step.target, request.parts.get("args")])}
    held = {mark for mark, _ in request.messages}
    # Of a conversation, what others said: the model's own words are whole messages.
    texts = [
        form["content"]
        for _, form in request.messages
        if form["role"] != "ai" and isinstance(form["content"], str)
    ]
    return held, texts or [canonical(dict(request.parts))], set()
