"""The evaluated tokens of one context, and how a prompt gets there.

The same prompt must give the same logits whatever ran before. Rounding depends on the shape of the
batch a token is evaluated in, so prompts are evaluated in pieces that begin at fixed positions
(multiples of ``n_batch``), and of an earlier prompt only whole such pieces are used again, or all
of it where it comes again. Tokens that were decoded one by one are evaluated anew when they come
back as part of a prompt.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agentlab.engine.library import accelerator, llama, recent_problems
from agentlab.engine.threads import Threads, usable_cores
from agentlab.engine.weights import Weights
from agentlab.errors import ContextOverflow, ModelError, TurnCancelled

N_BATCH = 64  # tokens in a piece of a prompt: larger is hardly faster to read, smaller reuses more
KV_BYTES = 512 * 1024**2  # what the KV cache may take where n_ctx is not given
_ABORTED = 2

# llama_decode asks a callback whether to stop, often. Python's own would take the GIL each time;
# `strlen` of a buffer answers the same question in C: 0 until a byte is written there.
_libc = ctypes.CDLL(None)
_is_set = ctypes.cast(_libc.strlen, llama.ggml_abort_callback)


@dataclass(frozen=True, slots=True)
class ContextOptions:
    """The shape of a context.

    ``n_ctx`` is in tokens; None takes the trained length, or less where the KV cache would take
    more than 512 MiB; 0 takes the trained length at any price. ``n_threads`` None means as
    many as pay, at most every core this process may use.
    """

    n_ctx: int | None = None
    n_batch: int = N_BATCH
    n_threads: int | None = None


class Context:
    """One sequence of tokens that the model has read. Not for use from two threads at once."""

    def __init__(self, weights: Weights, options: ContextOptions) -> None:
        params = llama.llama_context_default_params()
        params.n_ctx = _context_length(weights, options.n_ctx)
        params.n_batch = params.n_ubatch = min(options.n_batch, params.n_ctx)
        params.n_seq_max = 1
        threads = Threads(options.n_threads or usable_cores(), fixed=options.n_threads is not None)
        params.n_threads = params.n_threads_batch = threads.count
        params.no_perf = True
        if not accelerator():
            # Its rounding depends on the number of threads, which is not always the same.
            params.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
        _check_room(weights, params.n_ctx)
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
        self._threads = threads
        self._abort = ctypes.create_string_buffer(2)
        llama.llama_set_abort_callback(pointer, _is_set, ctypes.cast(self._abort, ctypes.c_void_p))
        self._memory = llama.llama_get_memory(pointer)
        self._evaluated: list[int] = []
        self._exact = 0  # how many of them were read in whole pieces
        self._prompt = 0  # how many of them are the prompt read last, all of it
        self._prompt_logits: NDArray[np.float32] | None = None
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

    def read(self, tokens: Sequence[int]) -> int:
        """Make ``tokens`` the evaluated sequence, logits ready after the last one.

        Returns:
            How many of them did not have to be evaluated again.

        Raises:
            ContextOverflow: there is no room for them and one more.
            ModelError: there are none.
            TurnCancelled: :meth:`abort` was called meanwhile.
        """
        needed = len(tokens)
        if not needed:
            raise ModelError("the prompt is empty: there is nothing to go on from")
        if needed >= self.n_ctx:
            raise ContextOverflow(
                f"the prompt needs {needed} tokens and the context has room for {self.n_ctx - 1}",
                needed=needed,
                available=self.n_ctx - 1,
                hint="shorten it, choose a memory that keeps less, or load with a larger n_ctx",
            )
        if self._keeps_prompt(tokens):
            self._again = True
            return needed
        reused = self._keep_common(tokens[:-1])
        for start in range(reused, needed, self.n_batch):
            self._evaluate(tokens[start : start + self.n_batch])
            if self.n_past % self.n_batch == 0:
                self._exact = self.n_past
        self._prompt, self._prompt_logits = needed, self.last_logits.copy()
        return reused

    @property
    def logits_are_native(self) -> bool:
        """Whether llama.cpp holds :attr:`last_logits` too, so that it may sample from them."""
        return not self._again

    def append(self, token: int) -> None:
        """Evaluate one more token."""
        self._evaluate([token])

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
        llama.llama_memory_clear(self._memory, False)
        self._evaluated.clear()
        self._exact = self._prompt = 0

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
        common -= common % self.n_batch
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
        with self._threads.evaluating(len(tokens)) as count:
            llama.llama_set_n_threads(self.pointer, count, count)
            status = llama.llama_decode(self.pointer, batch)
        if status == 0:
            self._evaluated.extend(tokens)
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


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Natural log-probabilities of one row of logits, computed in 64 bits."""
    wide = logits.astype(np.float64)
    wide -= wide.max()
    wide -= np.log(np.exp(wide).sum())
    return wide.astype(np.float32)


def _context_length(weights: Weights, n_ctx: int | None) -> int:
    if n_ctx:
        return n_ctx
    if n_ctx == 0:
        return weights.n_ctx_train
    fits = KV_BYTES // max(weights.kv_bytes_per_token, 1)
    return min(weights.n_ctx_train, max(fits - fits % 256, 256))


def _check_room(weights: Weights, n_ctx: int) -> None:
    """Refuse what could never fit: the system would end the process instead."""
    if accelerator() or "SC_PHYS_PAGES" not in os.sysconf_names:
        return
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    needed = n_ctx * weights.kv_bytes_per_token
    if needed > memory:
        raise ModelError(
            f"a context of {n_ctx} tokens needs {needed / 1e9:.1f} GB, "
            f"and this machine has {memory / 1e9:.1f} GB",
            hint="give a smaller n_ctx",
        )


def _free(process: int, pointer: llama.llama_context_p, _weights: Weights, _abort: object) -> None:
    if process == os.getpid():  # after a fork it is the parent's
        llama.llama_free(pointer)
