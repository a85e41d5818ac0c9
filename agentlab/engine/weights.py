"""One loaded copy of a GGUF file a process: its vocabulary, metadata and weights."""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from agentlab.engine.library import accelerator, llama, recent_problems, start
from agentlab.errors import ModelFileError, TurnCancelled


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How a file is put into memory.

    ``n_gpu_layers`` None means every layer (-1) where llama.cpp was built for an accelerator, else
    0. ``tensor_split`` is the share of each GPU.
    """

    n_gpu_layers: int | None = None
    main_gpu: int = 0
    tensor_split: tuple[float, ...] | None = None

    @property
    def gpu_layers(self) -> int:
        """The number of layers to offload; -1 is all."""
        if self.n_gpu_layers is not None:
            return self.n_gpu_layers
        return -1 if accelerator() else 0


class Weights:
    """A loaded GGUF file. Get it by :func:`load_weights`, which keeps one a file.

    Reading it from several threads is safe: llama.cpp does not change a loaded model.
    """

    def __init__(
        self, path: Path, options: LoadOptions, stop: threading.Event | None = None
    ) -> None:
        start()
        params = llama.llama_model_default_params()
        params.n_gpu_layers = options.gpu_layers
        params.main_gpu = options.main_gpu
        if options.tensor_split:
            size = llama.llama_max_devices()
            split = (ctypes.c_float * size)(*options.tensor_split[:size])
            params.tensor_split = split

        @llama.llama_progress_callback  # type: ignore[untyped-decorator]  # ctypes' own
        def go_on(_progress: float, _data: object) -> bool:
            return stop is None or not stop.is_set()

        params.progress_callback = go_on
        recent_problems(clear=True)
        pointer = llama.llama_model_load_from_file(os.fsencode(path), params)
        if not pointer and stop is not None and stop.is_set():
            raise TurnCancelled
        if not pointer:
            raise ModelFileError(
                f"llama.cpp cannot load {str(path)!r}: {_reason()}",
                hint="download the file again, or use a GGUF made for this llama.cpp",
            )
        self.path = path
        self.pointer = pointer
        self._free = weakref.finalize(self, _free, os.getpid(), pointer)
        self._free.atexit = False  # contexts end first: see free_all
        self.vocab = llama.llama_model_get_vocab(pointer)
        self.n_vocab = int(llama.llama_vocab_n_tokens(self.vocab))
        self.n_ctx_train = int(llama.llama_model_n_ctx_train(pointer))
        self._pieces: dict[int, bytes] = {}

    # -- what the file says of itself -------------------------------------------------------

    @cached_property
    def metadata(self) -> dict[str, str]:
        """Every scalar metadata value of the file, as text."""
        buffer = ctypes.create_string_buffer(1 << 20)
        values = {}
        for i in range(llama.llama_model_meta_count(self.pointer)):
            llama.llama_model_meta_key_by_index(self.pointer, i, buffer, len(buffer))
            key = buffer.value.decode("utf-8", "replace")
            llama.llama_model_meta_val_str_by_index(self.pointer, i, buffer, len(buffer))
            values[key] = buffer.value.decode("utf-8", "replace")
        return values

    @property
    def kv_bytes_per_token(self) -> int:
        """What one token costs in the KV cache at 16 bits a value."""
        arch = self.metadata.get("general.architecture", "")
        heads = max(llama.llama_model_n_head(self.pointer), 1)
        head_size = llama.llama_model_n_embd(self.pointer) // heads
        key = self._number(f"{arch}.attention.key_length", head_size)
        value = self._number(f"{arch}.attention.value_length", head_size)
        layers = llama.llama_model_n_layer(self.pointer)
        return int(layers * llama.llama_model_n_head_kv(self.pointer) * (key + value) * 2)

    def _number(self, key: str, default: int) -> int:
        value = self.metadata.get(key, "")
        return int(value) if value.isdecimal() else default  # some models have one a layer

    # -- tokens ----------------------------------------------------------------------------

    def tokenize(self, text: str, *, special: bool = False, add_bos: bool = False) -> list[int]:
        """``text`` as token ids.

        Args:
            special: read control tokens (``<|im_end|>``) as what they mean, not as text.
            add_bos: put the tokens before and after that the file's metadata asks for.
        """
        data = text.encode("utf-8", "surrogatepass")
        size = len(data) + 8
        buffer = (llama.llama_token * size)()
        count = llama.llama_tokenize(self.vocab, data, len(data), buffer, size, add_bos, special)
        if count < 0:
            buffer = (llama.llama_token * -count)()
            count = llama.llama_tokenize(
                self.vocab, data, len(data), buffer, -count, add_bos, special
            )
        return list(buffer[:count])

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; control tokens stand for none."""
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._read_piece(token, special=False)
        return known

    def text_of(self, token: int) -> str:
        """A token's text, control tokens included; empty for no token (-1)."""
        return self.raw_piece(token).decode("utf-8", "replace") if token >= 0 else ""

    def raw_piece(self, token: int) -> bytes:
        """A token's bytes, control tokens included."""
        return self._read_piece(token, special=True)

    def _read_piece(self, token: int, *, special: bool) -> bytes:
        buffer = ctypes.create_string_buffer(256)
        count = llama.llama_token_to_piece(self.vocab, token, buffer, len(buffer), 0, special)
        if count < 0:
            buffer = ctypes.create_string_buffer(-count)
            count = llama.llama_token_to_piece(self.vocab, token, buffer, -count, 0, special)
        return buffer.raw[:count]

    def detokenize(self, tokens: Sequence[int]) -> str:
        """The text of ``tokens``, control tokens left out."""
        return b"".join(map(self.piece, tokens)).decode("utf-8", "replace")

    def ends_generation(self, token: int) -> bool:
        """Whether ``token`` ends an answer (end of sequence, of turn, of message)."""
        return bool(llama.llama_vocab_is_eog(self.vocab, token))

    @cached_property
    def bos(self) -> str:
        """The text of the beginning-of-sequence token, empty where there is none."""
        return self.text_of(llama.llama_vocab_bos(self.vocab))

    @cached_property
    def eos(self) -> str:
        """The text of the end-of-sequence token, empty where there is none."""
        return self.text_of(llama.llama_vocab_eos(self.vocab))

    @property
    def adds_bos(self) -> bool:
        """Whether the metadata asks for a beginning-of-sequence token before every text."""
        return bool(llama.llama_vocab_get_add_bos(self.vocab))

    @cached_property
    def control_tokens(self) -> frozenset[str]:
        """Texts that steer the model: beginnings and ends of turns, of messages, of sequences."""
        return self._with_attribute(llama.LLAMA_TOKEN_ATTR_CONTROL | llama.LLAMA_TOKEN_ATTR_UNKNOWN)

    @cached_property
    def added_tokens(self) -> frozenset[str]:
        """Texts added to the vocabulary for a purpose (``<tool_call>``), control tokens too."""
        added = llama.LLAMA_TOKEN_ATTR_USER_DEFINED
        return self.control_tokens | self._with_attribute(added)

    def _with_attribute(self, attributes: int) -> frozenset[str]:
        texts = (
            self.text_of(token)
            for token, attribute in enumerate(self._attributes)
            if attribute & attributes
        )
        # Short and blank entries (Gemma has them, for indentation) are ordinary text.
        return frozenset(text for text in texts if len(text.strip()) > 2)

    @cached_property
    def _attributes(self) -> list[int]:
        return [llama.llama_vocab_get_attr(self.vocab, token) for token in range(self.n_vocab)]

    def __deepcopy__(self, _memo: object) -> Weights:
        return self


def _reason() -> str:
    lines = [line for line in recent_problems() if ":" in line]
    telling = [line for line in lines if "failed to load model" not in line] or lines
    if not telling:
        return "no reason given"
    return telling[0].split(": ", 1)[-1].removeprefix("error loading model: ")


def _free(process: int, pointer: llama.llama_model_p) -> None:
    if process == os.getpid():  # after a fork it is the parent's
        llama.llama_model_free(pointer)


_loaded: weakref.WeakValueDictionary[tuple[object, ...], Weights] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def load_weights(path: Path, options: LoadOptions, stop: threading.Event | None = None) -> Weights:
    """Load ``path``, or return the copy that this process has.

    Raises:
        ModelFileError: llama.cpp refuses the file; the message carries its reason.
        TurnCancelled: ``stop`` was set meanwhile.
    """
    with _lock:
        key = _key(path, options)
        weights = _loaded.get(key)
        if weights is None:
            # By the name given: the parts of a split file are found beside it, not beside what a
            # link points to.
            weights = _loaded[key] = Weights(path, options, stop)
        return weights


def find_weights(path: Path, options: LoadOptions) -> Weights | None:
    """The copy of ``path`` that this process has, if it has one."""
    with _lock:
        return _loaded.get(_key(path, options)) if _loaded else None


def _key(path: Path, options: LoadOptions) -> tuple[object, ...]:
    real = path.resolve()
    stat = real.stat()
    return (real, stat.st_size, stat.st_mtime_ns, options.gpu_layers, options)


def free_all() -> None:
    """Free every loaded model, at the end of the process. No context may be left."""
    for weights in list(_loaded.values()):
        weights._free()


def _after_fork() -> None:
    """What another thread held is not held here, and what it was at may be half done."""
    global _loaded, _lock
    _loaded = weakref.WeakValueDictionary()
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
