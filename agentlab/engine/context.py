"""The evaluated tokens of one context, and how a prompt gets there.

The same prompt must give the same logits whatever ran before. Rounding depends on the shape of the
batch a token is evaluated in, so prompts are evaluated in pieces that begin at fixed positions
(multiples of ``n_batch``), and of an earlier prompt only whole such pieces are used again, or all
of it where it comes again. Tokens that were decoded one by one are evaluated anew when they come
back as part of a prompt. What makes way for another prompt is set aside (kept.py). Where that is
not asked for (``deterministic=False``), a piece is one token and decoded ones count as read.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agentlab.engine.kept import Kept, Shelf, common_prefix
from agentlab.engine.library import llama, recent_problems
from agentlab.engine.options import (
    ContextOptions,
    check_fits,
    context_params,
    steps_only_forward,
)
from agentlab.engine.sampling import log_softmax
from agentlab.engine.threads import Threads, usable_cores
from agentlab.engine.weights import Weights
from agentlab.errors import ContextOverflow, ModelError, TurnCancelled

_NO_ROOM, _ABORTED = 1, 2

# llama_decode asks a callback whether to stop, often. Python's own would take the GIL each time;
# `strlen` of a buffer answers the same question in C: 0 until a byte is written there.
_libc = ctypes.CDLL(None)
_is_set = ctypes.cast(_libc.strlen, llama.ggml_abort_callback)


@dataclass(frozen=True, slots=True, eq=False)
class Suspended:
    """All that a context knows, to go on from there later."""

    state: NDArray[np.uint8]
    evaluated: list[int]
    exact: int
    prompt: int
    prompt_logits: NDArray[np.float32] | None

    @property
    def size(self) -> int:
        """Bytes of memory."""
        return self.state.nbytes


class Context:
    """One sequence of tokens that the model has read. Not for use from two threads at once."""

    def __init__(self, weights: Weights, options: ContextOptions) -> None:
        threads = Threads(options.n_threads or usable_cores(), fixed=options.n_threads is not None)
        params = context_params(weights, options)
        params.n_threads = params.n_threads_batch = threads.count
        recent_problems(clear=True)
        pointer = llama.llama_init_from_model(weights.pointer, params)
        if not pointer:
            reason = "; ".join(recent_problems()[-2:]) or "no reason given"
            raise ModelError(
                f"llama.cpp cannot make a context of {params.n_ctx} tokens: {reason}",
                hint="give a smaller n_ctx",
            )
        self.weights = weights
        self.pointer = pointer
        self.n_ctx = int(llama.llama_n_ctx(pointer))
        self.n_batch = int(params.n_batch)
        self._piece = self.n_batch if options.deterministic in (None, True) else 1
        self.threads = threads
        self.parallel = params.n_seq_max > 1
        self.make_room: Callable[[], bool] = lambda: False  # others in the cache give some up
        self._abort = ctypes.create_string_buffer(2)
        llama.llama_set_abort_callback(pointer, _is_set, ctypes.cast(self._abort, ctypes.c_void_p))
        self._memory = llama.llama_get_memory(pointer)
        self._evaluated: list[int] = []
        self._exact = 0  # how many of them were read in whole pieces
        self._prompt = 0  # how many of them are the prompt read last, all of it
        self._prompt_logits: NDArray[np.float32] | None = None
        self.shelf = Shelf(0 if steps_only_forward(weights) else options.kept_bytes)
        self._again = False  # whether that prompt was just read again: its logits are the kept ones
        # The model must outlive its contexts, so the finalizer holds it.
        self._free = weakref.finalize(self, _free, os.getpid(), pointer, weights, self._abort)
        self._free.atexit = False  # a thread may be inside it: the engine ends that first

    def close(self) -> None:
        """Free the native memory."""
        self._free()

    # -- stopping ---------------------------------------------------------------------------

    def abort(self) -> None:
        """Make the running evaluation stop, from any thread."""
        self._abort[0] = b"\x01"

    def clear_abort(self) -> None:
        """Forget an earlier :meth:`abort`."""
        self._abort[0] = b"\x00"

    # -- evaluating -------------------------------------------------------------------------

    @property
    def n_past(self) -> int:
        """How many tokens are evaluated."""
        return len(self._evaluated)

    @property
    def last_logits(self) -> NDArray[np.float32]:
        """The logits after the last token, shape (n_vocab,): a view that the next call changes."""
        if self._again and self._prompt_logits is not None:
            return self._prompt_logits
        pointer = llama.llama_get_logits_ith(self.pointer, -1)
        return np.ctypeslib.as_array(pointer, shape=(self.weights.n_vocab,))

    def read(self, tokens: Sequence[int]) -> Generator[None, None, int]:
        """Make ``tokens`` the evaluated sequence, logits ready after the last one.

        Yields:
            Between two pieces of them, where the context may be suspended.

        Returns:
            How many of them did not have to be evaluated again.

        Raises:
            ContextOverflow: there is no room for them and one more.
            ModelError: there are none.
            TurnCancelled: :meth:`abort` was called meanwhile.
        """
        needed = len(tokens)
        check_fits(needed, self.n_ctx)
        self._begin_best(tokens)
        if self._keeps_prompt(tokens):
            self._again = True
            return needed
        reused = self._keep_common(tokens[:-1])
        for start in range(reused, needed, self.n_batch):
            self._evaluate(tokens[start : start + self.n_batch])
            if self.n_past % self.n_batch == 0:
                self._exact = self.n_past
            if self.n_past < needed:
                yield
        self._prompt, self._prompt_logits = needed, self.last_logits.copy()
        return reused

    @property
    def logits_are_native(self) -> bool:
        """Whether llama.cpp holds :attr:`last_logits` too, so that it may sample from them."""
        return not self._again

    def append(self, tokens: Sequence[int]) -> Generator[None, None, None]:
        """Evaluate a few more tokens, at once."""
        self._evaluate(tokens)
        yield from ()

    @property
    def row(self) -> int:
        """Where llama.cpp has the logits after the last token."""
        return -1

    @property
    def evaluated(self) -> Sequence[int]:
        """The tokens that are here, all of them."""
        return self._evaluated

    def log_probabilities(self, tokens: Sequence[int], start: int) -> Iterator[NDArray[np.float32]]:
        """What the model thinks of every next token, in one pass over ``tokens``.

        Yields:
            Natural log-probabilities, shape (n_vocab,), of the token at each position from
            ``start`` (at least 1) to the last, given all before it.

        Raises:
            ContextOverflow: there is no room for them.
            TurnCancelled: :meth:`abort` was called meanwhile.
        """
        if len(tokens) > self.n_ctx:
            raise ContextOverflow(
                f"prompt and answer need {len(tokens)} tokens and the context has room for "
                f"{self.n_ctx}",
                needed=len(tokens),
                available=self.n_ctx,
                hint="load with a larger n_ctx",
            )
        first = start - 1  # the position whose logits predict `start`
        self._begin_best(tokens[: first - first % self.n_batch + 1])
        begin = self._keep_common(tokens[: first - first % self.n_batch])
        for at in range(begin, len(tokens) - 1, self.n_batch):
            piece = tokens[at : min(at + self.n_batch, len(tokens) - 1)]
            wanted = [at + i >= first for i in range(len(piece))]
            self._evaluate_wanting(piece, wanted)
            for i, want in enumerate(wanted):
                if want:
                    pointer = llama.llama_get_logits_ith(self.pointer, i)
                    yield log_softmax(np.ctypeslib.as_array(pointer, shape=(self.weights.n_vocab,)))

    def forget(self) -> None:
        """Drop every evaluated token."""
        if self.parallel:  # other sequences are none of its business
            llama.llama_memory_seq_rm(self._memory, 0, -1, -1)
        else:
            llama.llama_memory_clear(self._memory, False)
        self._evaluated.clear()
        self._exact = self._prompt = 0

    # -- going back to what was read earlier --------------------------------------------------

    def _begin_best(self, tokens: Sequence[int]) -> None:
        """Go to the sequence from which the least of ``tokens`` has to be read.

        What is here is set aside where going on would drop a piece of it.
        """
        if not self.shelf.limit:
            return
        wanted = np.asarray(tokens, dtype=np.int32)
        mine = np.asarray(self._evaluated[: max(self._exact, self._prompt)], dtype=np.int32)
        if len(wanted) == self._prompt == common_prefix(mine, wanted):
            return
        own = common_prefix(mine[: self._exact], wanted[:-1])
        own -= own % self._piece
        found = self.shelf.best(wanted, self._piece, own)
        if self._exact - own >= self.n_batch:
            self._set_aside(mine)
        if found is not None:
            self._restore(found)

    def _set_aside(self, tokens: NDArray[np.int32]) -> None:
        if self.shelf.covers(tokens[: self._exact]):
            return
        if len(tokens) * self.weights.kv_bytes_per_token > self.shelf.limit:
            return
        kept = self.snapshot()
        if kept is not None:
            self.shelf.put(kept)

    def snapshot(self) -> Kept | None:
        """A copy of what was read last; what was decoded after it is dropped. None: impossible."""
        size = max(self._exact, self._prompt)
        self._drop_from(size)
        if not size or self.n_past != size:
            return None
        state = self._state()
        if state is None:
            return None
        logits = self._prompt_logits if self._prompt == size else None
        return Kept(np.asarray(self._evaluated, dtype=np.int32), self._exact, state, logits)

    def _restore(self, kept: Kept) -> bool:
        """Make ``kept`` the evaluated sequence; False, and nothing evaluated, where it fails."""
        if not self._set_state(kept.state, len(kept.tokens)):
            return False
        self._evaluated = kept.tokens.tolist()
        self._exact = kept.exact
        if kept.logits is not None:
            self._prompt, self._prompt_logits = len(kept.tokens), kept.logits
        return True

    def adopt(self, kept: Kept) -> bool:
        """Make a sequence that another context read the evaluated one; False where it fails."""
        wanted = kept.tokens
        fits = 0 < len(wanted) < self.n_ctx and 0 <= kept.exact <= len(wanted)
        known = fits and int(wanted.min()) >= 0 and int(wanted.max()) < self.weights.n_vocab
        logits = kept.logits is None or len(kept.logits) == self.weights.n_vocab
        if not (known and logits and kept.exact % self._piece == 0):
            return False
        self._begin_best(wanted.tolist())
        return self._restore(kept)

    def suspend(self, room: int) -> Suspended | None:
        """A copy of all that is here, decoded tokens too; None where it takes over ``room`` bytes.

        Logits are not in it: whoever goes on evaluates a token first.
        """
        if len(self._evaluated) * self.weights.kv_bytes_per_token > room:
            return None
        state = self._state()
        if state is None:
            return None
        known = list(self._evaluated)
        return Suspended(state, known, self._exact, self._prompt, self._prompt_logits)

    def resume(self, suspended: Suspended) -> None:
        """Go back to where :meth:`suspend` was called.

        Raises:
            ModelError: llama.cpp does not take the copy back.
        """
        if not self._set_state(suspended.state, len(suspended.evaluated)):
            raise ModelError("llama.cpp cannot go on with a request that gave way to another")
        self._evaluated = list(suspended.evaluated)
        self._exact, self._prompt = suspended.exact, suspended.prompt
        self._prompt_logits = suspended.prompt_logits
        self._again = False

    def _state(self) -> NDArray[np.uint8] | None:
        state = np.empty(llama.llama_state_seq_get_size(self.pointer, 0), dtype=np.uint8)
        place = state.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
        written = llama.llama_state_seq_get_data(self.pointer, place, state.nbytes, 0)
        return state if 0 < written == state.nbytes else None

    def _set_state(self, state: NDArray[np.uint8], tokens: int) -> bool:
        self.forget()  # first of all: cells are then taken from the beginning, in order
        place = state.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
        read = llama.llama_state_seq_set_data(self.pointer, place, state.nbytes, 0)
        last = llama.llama_memory_seq_pos_max(self._memory, 0)
        if read == state.nbytes and last == tokens - 1:
            return True
        self.forget()
        return False

    # -- keeping what is here ------------------------------------------------------------------

    def _keeps_prompt(self, tokens: Sequence[int]) -> bool:
        """Whether ``tokens`` are the last prompt again; what was decoded after it is dropped."""
        size = len(tokens)
        if size != self._prompt or self._evaluated[:size] != list(tokens):
            return False
        self._drop_from(size)
        return self.n_past == size

    def _keep_common(self, tokens: Sequence[int]) -> int:
        """Keep the whole pieces that begin ``tokens`` too; drop the rest."""
        common = 0
        for mine, theirs in zip(self._evaluated[: self._exact], tokens, strict=False):
            if mine != theirs:
                break
            common += 1
        common -= common % self._piece
        self._drop_from(common)
        return self.n_past

    def _drop_from(self, position: int) -> None:
        if position >= self.n_past:
            return
        # Recurrent models cannot step back: they refuse, and read all of it again.
        if position == 0 or not llama.llama_memory_seq_rm(self._memory, 0, position, -1):
            self.forget()
            return
        del self._evaluated[position:]
        self._exact = min(self._exact, position)
        if position < self._prompt:
            self._prompt = 0

    def _evaluate(self, tokens: Sequence[int]) -> None:
        array = (llama.llama_token * len(tokens))(*tokens)
        self._decode(llama.llama_batch_get_one(array, len(tokens)), tokens)

    def _evaluate_wanting(self, tokens: Sequence[int], wanted: Sequence[bool]) -> None:
        count, at = len(tokens), self.n_past
        batch = llama.llama_batch_init(count, 0, 1)
        try:
            batch.n_tokens = count
            for i, token in enumerate(tokens):
                batch.token[i] = token
                batch.pos[i] = at + i
                batch.n_seq_id[i] = 1
                batch.seq_id[i][0] = 0
                batch.logits[i] = wanted[i]
            self._decode(batch, tokens)
        finally:
            llama.llama_batch_free(batch)

    def _decode(self, batch: llama.llama_batch, tokens: Sequence[int]) -> None:
        if self._abort.value:  # accelerators do not ask while they compute
            raise TurnCancelled
        self._again = False
        with self.threads.evaluating(len(tokens)) as count:
            llama.llama_set_n_threads(self.pointer, count, count)
            status = llama.llama_decode(self.pointer, batch)
            while status == _NO_ROOM and self.make_room():
                status = llama.llama_decode(self.pointer, batch)
        if status == 0:
            self._evaluated.extend(tokens)
            if self._piece == 1:
                self._exact = self.n_past
            return
        if status == _ABORTED:
            # What came before stays: the next turn is likely to begin with it.
            if not llama.llama_memory_seq_rm(self._memory, 0, self.n_past, -1):
                self.forget()
            raise TurnCancelled
        # Part of the batch may be in the cache: nothing of it is known to be whole.
        self.forget()
        raise ModelError(
            f"llama.cpp failed to evaluate {len(tokens)} tokens (status {status})",
            hint="load the model with a smaller n_ctx or n_gpu_layers",
        )


def _free(process: int, pointer: llama.llama_context_p, _weights: Weights, _abort: object) -> None:
    if process == os.getpid():  # after a fork it is the parent's
        llama.llama_free(pointer)
