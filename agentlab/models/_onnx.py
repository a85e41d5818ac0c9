"""Running a small text model with onnxruntime: one text at a time, several at once.

Weights and activations are 8-bit, scaled by the largest value of a whole batch: the same text comes
out a little different beside other texts, and beside padding. So every text is a batch of its own,
without padding, which is also faster on a CPU. Threads work side by side on different texts.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from agentlab import cancellation
from agentlab.errors import ModelFileError
from agentlab.models._box_texts import BoxTextModel
from agentlab.offline import raise_if_offline

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")
R = TypeVar("R")
MAX_TOKENS = 512
_loading = threading.Lock()


class TextModel:
    """A loaded model: texts, or pairs of them, to its first output."""

    def __init__(self, session: Any, tokenizer: Any, counter: Any) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._counter = counter
        self._inputs = {i.name for i in session.get_inputs()}

    def run(self, text: str, other: str | None = None) -> NDArray[np.float32]:
        """The first output for ``text`` (with ``other``, for the pair), without the batch axis."""
        import numpy as np

        encoded = self._tokenizer.encode(text, other)
        given = {
            "input_ids": encoded.ids,
            "attention_mask": encoded.attention_mask,
            "token_type_ids": encoded.type_ids,
        }
        feed = {k: np.array([v], dtype=np.int64) for k, v in given.items() if k in self._inputs}
        output: NDArray[np.float32] = self._session.run(None, feed)[0][0]
        return output

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Where in ``text`` each of its tokens begins and ends, special tokens left out."""
        spans: list[tuple[int, int]] = self._counter.encode(text, add_special_tokens=False).offsets
        return spans


def load(box: BoxTextModel) -> TextModel:
    """The model ``box``, loaded once in a process.

    Raises:
        Offline: everything must come from a recording.
        MissingExtra, ModelFileError, ChecksumError: its files.
    """
    with _loading:
        return _loaded(box, os.getpid())


@functools.lru_cache(maxsize=4)
def _loaded(box: BoxTextModel, _process: int) -> TextModel:
    raise_if_offline(f"load the model {box.name}")
    model, tokenizer_file = box.files()
    import onnxruntime
    from tokenizers import Tokenizer

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )
        tokenizer, counter = (Tokenizer.from_file(str(tokenizer_file)) for _ in range(2))
    except Exception as error:
        raise ModelFileError(f"cannot load {str(model)!r}: {error}") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    counter.no_padding()
    counter.no_truncation()
    return TextModel(session, tokenizer, counter)


def each(work: Callable[[T], R], items: Sequence[T], threads: int | None = None) -> Iterator[R]:
    """``work`` of every item, in order, ``threads`` (all cores) at once.

    Raises:
        TurnCancelled: the scope in force was cancelled; what is not begun is left out.
    """
    threads = min(threads or len(os.sched_getaffinity(0)), len(items))
    if threads <= 1:
        for item in items:
            cancellation.raise_if_cancelled()
            yield work(item)
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="agentlab-texts")
    try:
        for result in pool.map(work, items):
            cancellation.raise_if_cancelled()
            yield result
    finally:
        pool.shutdown(cancel_futures=True)
