"""Texts to vectors, or pairs of texts to a score, by a GGUF model: one text at a time.

Rounding depends on the shape of a batch, so each text is a batch of its own: what comes out depends
on nothing but the text. A context of embeddings serves nothing else; the weights are shared with
the engines of the same file.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from agentlab.engine.library import accelerator, llama, recent_problems
from agentlab.engine.threads import Threads, usable_cores
from agentlab.engine.weights import Weights
from agentlab.errors import ConfigError, ModelError

Pooling = Literal["mean", "cls", "last", "rank"]
_NUMBERS: dict[Pooling, int] = {
    "mean": llama.LLAMA_POOLING_TYPE_MEAN,
    "cls": llama.LLAMA_POOLING_TYPE_CLS,
    "last": llama.LLAMA_POOLING_TYPE_LAST,
    "rank": llama.LLAMA_POOLING_TYPE_RANK,
}
_MOST = 2048  # tokens: memory for a batch grows with them, and texts are seldom longer


def own_pooling(weights: Weights) -> Pooling | None:
    """How the file says that the vectors of a text's tokens become one; None where it does not."""
    architecture = weights.metadata.get("general.architecture", "")
    number = weights.metadata.get(f"{architecture}.pooling_type", "")
    return next((name for name, n in _NUMBERS.items() if number == str(n)), None)


class Encoder:
    """A context that gives one vector a text. May be used from several threads, in turn.

    Args:
        pooling: how the vectors of tokens become one; the file's own, or else their mean.
        n_ctx: the most tokens of a text that are seen; as trained, or 2,048 where that is more.
        n_threads: as many as pay by default. They do not change the vectors.

    Raises:
        ConfigError: the file has no head that ranks.
        ModelError: llama.cpp cannot make the context.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        pooling: Pooling | None = None,
        n_ctx: int | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.weights = weights
        self.pooling: Pooling = pooling or own_pooling(weights) or "mean"
        if self.pooling == "rank" and own_pooling(weights) != "rank":
            raise ConfigError(f"{str(weights.path)!r} has no head that ranks texts")
        self.n_ctx = n_ctx or min(weights.n_ctx_train, _MOST)
        self._threads = Threads(n_threads or usable_cores(), fixed=n_threads is not None)
        params = llama.llama_context_default_params()
        # All of a text must be in one batch, since its tokens' vectors are put together.
        params.n_ctx = params.n_batch = params.n_ubatch = self.n_ctx
        params.n_seq_max = 1
        params.n_threads = params.n_threads_batch = self._threads.count
        params.embeddings = True
        params.pooling_type = _NUMBERS[self.pooling]
        params.no_perf = True
        if not accelerator():
            # Its rounding depends on the number of threads, which is not always the same.
            params.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
        recent_problems(clear=True)
        self._pointer = llama.llama_init_from_model(weights.pointer, params)
        if not self._pointer:
            reason = "; ".join(recent_problems()[-2:]) or "no reason given"
            raise ModelError(
                f"llama.cpp cannot make a context for embeddings: {reason}",
                hint="give a smaller n_ctx",
            )
        self.size = int(
            llama.llama_model_n_cls_out(weights.pointer)
            if self.pooling == "rank"
            else llama.llama_model_n_embd_out(weights.pointer)
        )
        self._lock = threading.Lock()
        self._free = weakref.finalize(self, _free, os.getpid(), self._pointer, weights)
        self._free.atexit = False  # _close_all ends it before the weights
        _encoders.add(self)

    def tokens(self, text: str) -> list[int]:
        """The tokens of ``text`` that are seen, with those that begin and end a text."""
        found = self.weights.tokenize(text, add_bos=True)
        if len(found) <= self.n_ctx:
            return found
        return [*found[: self.n_ctx - 1], found[-1]] if self._ends else found[: self.n_ctx]

    @property
    def _ends(self) -> bool:
        """Whether a text ends with a token of its own."""
        vocab = self.weights.vocab
        return bool(llama.llama_vocab_get_add_eos(vocab) or llama.llama_vocab_get_add_sep(vocab))

    def pair(self, one: str, other: str) -> list[int]:
        """The tokens of two texts that are read together; of a long ``other`` the end is cut."""
        vocab = self.weights.vocab
        begin = [llama.llama_vocab_bos(vocab)] if llama.llama_vocab_get_add_bos(vocab) else []
        end = [llama.llama_vocab_eos(vocab)] if llama.llama_vocab_get_add_eos(vocab) else []
        between = [llama.llama_vocab_sep(vocab)] if llama.llama_vocab_get_add_sep(vocab) else []
        end = end or between  # BERT's: the mark between two texts ends the second too
        middle = [*end, *(between if end != between else [])]
        first = self.weights.tokenize(one)[: self.n_ctx // 2]
        room = self.n_ctx - len(begin) - len(first) - len(middle) - len(end)
        second = self.weights.tokenize(other)[:room]
        return [t for t in (*begin, *first, *middle, *second, *end) if t >= 0]

    def run(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """The vector of ``tokens``, shape (:attr:`size`,); not of length 1.

        Raises:
            ModelError: there are none, or llama.cpp fails.
        """
        if not tokens:
            return np.zeros(self.size, np.float32)
        with self._lock:
            batch = llama.llama_batch_init(len(tokens), 0, 1)
            try:
                batch.n_tokens = len(tokens)
                for i, token in enumerate(tokens):
                    batch.token[i] = token
                    batch.pos[i] = i
                    batch.n_seq_id[i] = 1
                    batch.seq_id[i][0] = 0
                    batch.logits[i] = True
                return self._evaluate(batch, len(tokens))
            finally:
                llama.llama_batch_free(batch)

    def _evaluate(self, batch: llama.llama_batch, count: int) -> NDArray[np.float32]:
        memory = llama.llama_get_memory(self._pointer)
        if memory:  # models that read both ways have none
            llama.llama_memory_clear(memory, True)
        evaluate = (
            llama.llama_decode
            if llama.llama_model_has_decoder(self.weights.pointer)
            else llama.llama_encode
        )
        with self._threads.evaluating(count) as threads:
            llama.llama_set_n_threads(self._pointer, threads, threads)
            status = evaluate(self._pointer, batch)
        found = llama.llama_get_embeddings_seq(self._pointer, 0) if status == 0 else None
        if not found:
            raise ModelError(
                f"llama.cpp failed to embed {count} tokens (status {status})",
                hint="is it a model that gives embeddings?",
            )
        return np.ctypeslib.as_array(found, shape=(self.size,)).copy()

    def close(self) -> None:
        """Free the native memory."""
        self._free()

    def __deepcopy__(self, _memo: object) -> Encoder:
        return self


def _free(process: int, pointer: llama.llama_context_p, _weights: Weights) -> None:
    if process == os.getpid():  # after a fork it is the parent's
        llama.llama_free(pointer)


_encoders: weakref.WeakSet[Encoder] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Contexts end before the weights they were made of."""
    for encoder in list(_encoders):
        encoder.close()
