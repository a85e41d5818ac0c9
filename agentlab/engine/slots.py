"""Sequences that share one KV cache: what several requests have in common is in it once.

Sequence 0 is the context's own (context.py). The others are slots: one for each request at work,
and those of earlier requests, kept for prompts that begin alike. A copy of a sequence inside the
cache is free: its cells then belong to both.
"""

from __future__ import annotations

import itertools
import time
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agentlab.engine.context import Context
from agentlab.engine.kept import common_prefix
from agentlab.engine.library import llama
from agentlab.errors import ModelError, TurnCancelled

_NO_ROOM, _ABORTED = 1, 2


@dataclass(eq=False)
class Slot:
    """A sequence of the cache, and the tokens that are in it."""

    sequence: int
    tokens: list[int] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)  # which they are in; copies share them
    row: int = -1  # where the logits after its last token are, while they are


@dataclass(frozen=True, slots=True)
class Row:
    """One token to evaluate, at the end of a slot."""

    slot: Slot
    token: int
    wanted: bool  # whether the logits after it are


@dataclass(frozen=True, slots=True)
class SlotTotals:
    """What a shared cache holds: requests at work, earlier prompts, the cells of both, all cells.

    A token has one cell, however many of them begin with it.
    """

    at_work: int
    earlier: int
    cells: int
    limit: int


class Slots:
    """The slots of a context whose cache has room for ``count`` of them. For one thread."""

    def __init__(self, context: Context, count: int) -> None:
        self._context = context
        self._memory = llama.llama_get_memory(context.pointer)
        self._free = list(range(count, 0, -1))
        self._idle: list[Slot] = []  # least recently used first
        self._batch = llama.llama_batch_init(context.n_batch, 0, 1)
        self._release = weakref.finalize(self, llama.llama_batch_free, self._batch)
        self._release.atexit = False
        self._cells = itertools.count()
        self.seconds = 0.0  # of the last evaluation
        self.threads = 1  # that it used

    @property
    def idle_tokens(self) -> int:
        """How many tokens slots without work hold; what they share is counted for each."""
        return sum(len(slot.tokens) for slot in self._idle)

    def take(self, tokens: Sequence[int], busy: Iterable[Slot]) -> Slot:
        """A slot that begins with as many of ``tokens``, but for the last, as any has."""
        wanted = np.asarray(tokens[:-1], dtype=np.int32)
        best, most = self._best(wanted, busy)
        if isinstance(best, Slot) and best in self._idle and most == len(best.tokens):
            self._idle.remove(best)
            return best
        source = 0 if best is None else best.sequence
        slot = Slot(self._sequence(keep=best))
        if most:
            llama.llama_memory_seq_cp(self._memory, source, slot.sequence, 0, most)
            slot.tokens = list(tokens[:most])
            slot.cells = self._cells_of(best)[:most]
        return slot

    def common(self, tokens: Sequence[int], busy: Iterable[Slot]) -> int:
        """With how many of ``tokens`` a slot could begin now."""
        return self._best(np.asarray(tokens[:-1], dtype=np.int32), busy)[1]

    def put_back(self, slot: Slot) -> None:
        """Its request is over: keep what it has read, within limits."""
        mine = np.asarray(slot.tokens, dtype=np.int32)
        for other in list(self._idle):
            theirs = np.asarray(other.tokens, dtype=np.int32)
            if common_prefix(mine, theirs) == len(theirs):
                self._drop(other)
        self._idle.append(slot)
        while self.idle_tokens > self._context.n_ctx // 2:
            self._drop(self._idle[0])

    def empty(self, slot: Slot) -> None:
        """Forget its tokens."""
        llama.llama_memory_seq_rm(self._memory, slot.sequence, -1, -1)
        slot.tokens.clear()
        slot.cells.clear()

    def used(self, busy: Iterable[Slot]) -> int:
        """How many cells of the cache ``busy`` slots take."""
        return len(set(itertools.chain.from_iterable(slot.cells for slot in busy)))

    def totals(self, busy: Sequence[Slot]) -> SlotTotals:
        """What is here, with the slots at work. From any thread; a step may be under way."""
        idle = list(self._idle)
        return SlotTotals(len(busy), len(idle), self.used([*busy, *idle]), self._context.n_ctx)

    def drop_idle(self) -> bool:
        """Drop the slot without work that was used longest ago; False if there is none."""
        if self._idle:
            self._drop(self._idle[0])
            return True
        return False

    def evaluate(self, rows: Sequence[Row]) -> bool:
        """Evaluate ``rows`` (at most ``n_batch``) in one step; False where the cache is full.

        Raises:
            ModelError: llama.cpp fails.
            TurnCancelled: the context was aborted.
        """
        batch = self._batch
        ends: dict[Slot, int] = {}
        batch.n_tokens = len(rows)
        for i, row in enumerate(rows):
            batch.token[i] = row.token
            batch.pos[i] = len(row.slot.tokens) + ends.get(row.slot, 0)
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = row.slot.sequence
            batch.logits[i] = row.wanted
            ends[row.slot] = ends.get(row.slot, 0) + 1
        began = time.perf_counter()
        with self._context.threads.evaluating(len(rows)) as self.threads:
            llama.llama_set_n_threads(self._context.pointer, self.threads, self.threads)
            status = llama.llama_decode(self._context.pointer, batch)
        self.seconds = time.perf_counter() - began
        if status == 0:
            for i, row in enumerate(rows):
                row.slot.tokens.append(row.token)
                row.slot.cells.append(next(self._cells))
                row.slot.row = i if row.wanted else -1
            return True
        for slot in ends:  # part of the batch may be in the cache
            llama.llama_memory_seq_rm(self._memory, slot.sequence, len(slot.tokens), -1)
        if status == _NO_ROOM:
            return False
        if status == _ABORTED:
            raise TurnCancelled
        raise ModelError(
            f"llama.cpp failed to evaluate {len(rows)} tokens of {len(ends)} requests "
            f"(status {status})",
            hint="load the model with a smaller n_ctx, n_gpu_layers or parallel",
        )

    def logits(self, slot: Slot) -> NDArray[np.float32]:
        """Those after its last token, shape (n_vocab,): a view that the next step changes."""
        pointer = llama.llama_get_logits_ith(self._context.pointer, slot.row)
        return np.ctypeslib.as_array(pointer, shape=(self._context.weights.n_vocab,))

    def close(self) -> None:
        """Free the batch."""
        self._release()

    def _best(self, wanted: NDArray[np.int32], busy: Iterable[Slot]) -> tuple[Slot | None, int]:
        """The slot (None: the context's own sequence) with the longest beginning of ``wanted``."""
        best: Slot | None = None
        most = common_prefix(wanted, np.asarray(self._context.evaluated, dtype=np.int32))
        for slot in (*busy, *self._idle):
            common = common_prefix(wanted, np.asarray(slot.tokens, dtype=np.int32))
            if common > most:
                best, most = slot, common
        return best, most

    def _cells_of(self, slot: Slot | None) -> list[int]:
        if slot is not None:
            return slot.cells
        return [next(self._cells) for _ in self._context.evaluated]  # forgotten when room is short

    def _sequence(self, keep: Slot | None) -> int:
        if not self._free:
            self._drop(next(slot for slot in self._idle if slot is not keep))
        return self._free.pop()

    def _drop(self, slot: Slot) -> None:
        self.empty(slot)
        self._idle.remove(slot)
        self._free.append(slot.sequence)
