"""The order of steps in a recording, the same whatever the threads did.

Calls made one after the other in the run's own thread and task keep their order. A section of calls
from others (a batch, parallel branches; a pool may run them all on one thread) gets an order of its
content: first what others need (an answer before the request that holds it), then by key. Matching
never depends on it; reading and diffs do.
"""

from __future__ import annotations

import asyncio
import heapq
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from agentlab.recording.hashing import canonical, digest
from agentlab.recording.steps import Step

Lane = tuple[int, int]


def current_lane() -> Lane:
    """The thread and task that this code runs in."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return threading.get_ident(), id(task) if task is not None else 0


def ordered(steps: Sequence[tuple[Lane, Step]], home: Lane) -> list[Step]:
    """The steps, given in the order in which they began, each section of parallel ones sorted."""
    # The first task on the home thread is the run's own: `asyncio.run` inside the block.
    task = next((lane for lane, _ in steps if lane[0] == home[0] and lane != home), None)
    homes = {home, task}
    result: list[Step] = []
    section: list[Step] = []
    group = 0
    for lane, step in steps:
        if lane not in homes:
            section.append(step)
            continue
        group += _close(section, group, result)
        result.append(replace(step, group=0))
    _close(section, group, result)
    return result


def _close(section: list[Step], group: int, result: list[Step]) -> int:
    """Move a section to the result; the number of sections of parallel branches it was."""
    several = len(section) > 1
    result += _by_content(section, group + 1) if several else section
    section.clear()
    return int(several)


def _by_content(steps: list[Step], group: int) -> list[Step]:
    # Twice the same request: which thread was first must not show.
    ranks = [(s.request.key, canonical(dict(s.request.identity)), s.outcome) for s in steps]
    needs = {i: _needed(steps, i) for i in range(len(steps))}
    ready = [(ranks[i], i) for i, needed in needs.items() if not needed]
    heapq.heapify(ready)
    done: list[int] = []
    while ready:
        _, index = heapq.heappop(ready)
        done.append(index)
        for other, needed in needs.items():
            if index in needed:
                needed.discard(index)
                if not needed:
                    heapq.heappush(ready, (ranks[other], other))
    return [replace(steps[i], group=group) for i in done]


def _needed(steps: list[Step], index: int) -> set[int]:
    """The earlier steps whose outcome is in the request of the step ``index``."""
    step = steps[index]
    needed = set()
    held = {mark for mark, _ in step.request.messages}
    results = {
        form["content"]
        for _, form in step.request.messages
        if form["role"] == "tool" and isinstance(form["content"], str)
    }
    for earlier in range(index):
        other = steps[earlier]
        if other.error is not None:
            continue
        if step.kind == "model" and (
            (other.kind == "model" and digest(other.reply["message"]) in held)
            or (other.kind == "tool" and _text(other.reply) in results)
        ):
            needed.add(earlier)
        if step.kind == "tool" and other.kind == "model" and _calls(other.reply, step):
            needed.add(earlier)
    return needed


def _text(reply: Any) -> str:
    return reply if isinstance(reply, str) else canonical(reply)


def _calls(reply: dict[str, Any], step: Step) -> bool:
    asked = reply["message"].get("tool_calls", ())
    return any(
        call["name"] == step.target and call["args"] == step.request.parts.get("args")
        for call in asked
    )
