"""Requests that are decoded together: in each step of the model the next token of several.

A request joins as soon as there is a place, and leaves when its answer ends. Prompts are read in
pieces, beside the tokens of the others. What prompts have in common is read once: a request waits
for another that is just reading it.

A token's bits depend on what is evaluated beside it, so an answer may differ from the one that the
same request gets alone, as a rule where two tokens are nearly as likely. That is why this is asked
for (``ContextOptions.parallel``).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agentlab.engine.context import Context
from agentlab.engine.decoding import decode
from agentlab.engine.kept import common_prefix
from agentlab.engine.options import SLOTS, check_fits
from agentlab.engine.slots import Row, Slot, Slots, SlotTotals
from agentlab.engine.turns import END, Job
from agentlab.engine.widths import Widths
from agentlab.errors import TurnCancelled

_BESIDE = 32  # tokens of prompts in a step that others wait for too
_SPARE = 48  # cells for what each at work may still write, before another joins
_WORTH = 4  # tokens in common that are worth waiting a step for


class Lane:
    """One request at work. See :class:`~agentlab.engine.decoding.Evaluated`."""

    logits_are_native = True

    def __init__(self, context: Context, slots: Slots, job: Job) -> None:
        assert job.request is not None
        self.weights, self.pointer = context.weights, context.pointer
        self.n_ctx, self.n_batch = context.n_ctx, context.n_batch
        self.job = job
        self.slot: Slot | None = None
        self.target: list[int] = list(job.request.tokens)
        self.reading = True
        self.reused = 0
        self._slots = slots
        self.steps: Iterator[Any] = decode(self, job.request)

    @property
    def row(self) -> int:
        """Where llama.cpp has the logits."""
        return -1 if self.slot is None else self.slot.row

    @property
    def last_logits(self) -> NDArray[np.float32]:
        """See :class:`~agentlab.engine.decoding.Evaluated`."""
        assert self.slot is not None
        return self._slots.logits(self.slot)

    @property
    def needed(self) -> Sequence[int]:
        """The tokens that must be evaluated before it goes on."""
        return self.target[len(self.slot.tokens) if self.slot is not None else 0 :]

    def read(self, tokens: Sequence[int]) -> Generator[None, None, int]:
        """See :class:`~agentlab.engine.decoding.Evaluated`."""
        check_fits(len(tokens), self.n_ctx)
        while self.needed:
            yield
        return self.reused

    def append(self, tokens: Sequence[int]) -> Generator[None, None, None]:
        """See :class:`~agentlab.engine.decoding.Evaluated`."""
        self.target.extend(tokens)
        while self.needed:
            yield


class Batch:
    """The requests at work, at most ``most``. For the engine's thread."""

    def __init__(self, context: Context, most: int) -> None:
        self._context = context
        self._most = most
        self._slots = Slots(context, SLOTS * most)
        self._lanes: list[Lane] = []  # who waited longest for a token first
        self._widths = Widths()
        context.make_room = self._make_room

    def __bool__(self) -> bool:
        return bool(self._lanes)

    @property
    def full(self) -> bool:
        """Whether no more may join."""
        return len(self._lanes) >= self._most

    def add(self, job: Job) -> None:
        """Let a request join."""
        lane = Lane(self._context, self._slots, job)
        self._lanes.append(lane)
        self._advance(lane)

    def step(self) -> None:
        """Evaluate once, and let those go on whose tokens were."""
        for lane in [lane for lane in self._lanes if lane.job.cancelled]:
            self._end(lane, TurnCancelled())
        if not self._lanes:
            return
        decoding = [lane for lane in self._lanes if not lane.reading]
        readers = [lane for lane in self._lanes if lane.reading]
        rows: list[Row] = []
        if not readers:
            threads = self._context.threads.count
            decoding = decoding[: self._widths.choose(len(decoding), threads)]
        for lane in decoding:
            if len(rows) + len(lane.needed) <= self._context.n_batch:
                rows += self._rows(lane, len(lane.needed))
        room = self._context.n_batch - len(rows)
        room = min(room, _BESIDE) if rows else room
        for lane in readers:
            if room > 0 and self._begins(lane):
                count = min(room, len(lane.needed))
                rows += self._rows(lane, count)
                room -= count
        self._evaluate(rows, measured=not readers)
        for lane in list(self._lanes):
            if lane.slot is not None and lane.slot.row >= 0 and not lane.needed:
                lane.reading = False
                self._lanes.append(self._lanes.pop(self._lanes.index(lane)))
                self._advance(lane)

    @property
    def totals(self) -> SlotTotals:
        """What the shared cache holds. From any thread."""
        return self._slots.totals([lane.slot for lane in list(self._lanes) if lane.slot])

    def clear(self) -> list[Job]:
        """Take all out."""
        jobs = [lane.job for lane in self._lanes]
        for lane in list(self._lanes):
            self._leave(lane)
        return jobs

    def close(self) -> None:
        """Free what is native."""
        self._slots.close()

    def _evaluate(self, rows: list[Row], *, measured: bool) -> None:
        """Evaluate; where the cache is full, what is least needed makes room first."""
        while not self._slots.evaluate(rows):
            if self._slots.drop_idle():
                continue
            if self._context.n_past:
                self._context.forget()
                continue
            evicted = self._evict()
            rows = [row for row in rows if row.slot is not evicted]
            if not rows:
                return
            measured = False
        if measured and len({row.slot for row in rows}) == len(rows):
            self._widths.record(len(rows), self._slots.threads, self._slots.seconds)

    def _make_room(self) -> bool:
        """For the context's own sequence; False where there is nothing to drop for it."""
        return self._slots.drop_idle() or self._evict() is not None

    def _evict(self) -> Slot | None:
        """Drop what the last of those that have a slot has read: it begins again when it fits."""
        for lane in reversed(self._lanes):
            if (slot := lane.slot) is not None:
                lane.slot, lane.reading = None, True
                self._slots.empty(slot)
                self._slots.put_back(slot)
                return slot
        return None

    def _rows(self, lane: Lane, count: int) -> list[Row]:
        assert lane.slot is not None
        needed = lane.needed
        last = len(needed) - 1
        return [Row(lane.slot, needed[i], i == last) for i in range(count)]

    def _begins(self, lane: Lane) -> bool:
        """Whether it may read on; what another is reading for both is waited for."""
        if lane.slot is not None:
            return True
        busy = [other.slot for other in self._lanes if other.slot is not None]
        now = self._slots.common(lane.target, busy)
        mine = np.asarray(lane.target[:-1], dtype=np.int32)
        for other in self._lanes:
            if other.slot is not None and other.reading:
                theirs = np.asarray(other.target, dtype=np.int32)
                if common_prefix(mine, theirs) >= now + _WORTH:
                    return False
        left = self._context.n_ctx - self._slots.used(busy) - len(lane.target) + now
        if busy and left < _SPARE * (len(busy) + 1):
            return False
        lane.slot = self._slots.take(lane.target, busy)
        lane.reused = len(lane.slot.tokens)
        return True

    def _advance(self, lane: Lane) -> None:
        """Let its decoding go on until it needs an evaluation, or ends."""
        try:
            for piece in lane.steps:
                if lane.job.cancelled:
                    raise TurnCancelled
                if piece is not None:
                    lane.job.put(piece)
                elif lane.needed:
                    return
        except BaseException as error:  # noqa: BLE001 (it belongs to whoever asked)
            self._end(lane, error)
        else:
            self._end(lane, END)

    def _end(self, lane: Lane, last: object) -> None:
        self._leave(lane)
        lane.job.put(last)

    def _leave(self, lane: Lane) -> None:
        self._lanes.remove(lane)
        lane.steps = iter(())  # frees its sampler
        if lane.slot is not None:
            self._slots.put_back(lane.slot)
