"""The shape of a context: how much it holds, in which types, how it computes."""

from __future__ import annotations

import os
from dataclasses import dataclass

from agentlab.engine.kept import KEPT_BYTES
from agentlab.engine.library import accelerator, llama
from agentlab.engine.weights import Weights
from agentlab.errors import ConfigError, ContextOverflow, ModelError

N_BATCH = 64  # tokens in a piece of a prompt: larger is hardly faster to read, smaller reuses more
KV_BYTES = 512 * 1024**2  # what the KV cache may take where n_ctx is not given
MAX_PARALLEL = 32  # llama.cpp has room for 256 sequences
SLOTS = 2  # sequences for each: one at work, one that was read before
KV_TYPES = {  # name: ggml's number, bits a value
    "f32": (0, 32.0),
    "f16": (1, 16.0),
    "bf16": (30, 16.0),
    "q8_0": (8, 8.5),
    "q5_1": (7, 6.0),
    "q5_0": (6, 5.5),
    "q4_1": (3, 5.0),
    "q4_0": (2, 4.5),
}


@dataclass(frozen=True, slots=True)
class ContextOptions:
    """The shape of a context.

    ``n_ctx`` is in tokens; None takes the trained length, or less where the KV cache would take
    more than 512 MiB; 0 takes the trained length at any price. ``n_threads`` None means as many
    as pay, at most every core this process may use. ``kept_bytes`` of host memory at most hold
    prompts read earlier. ``parallel`` requests at most are decoded together, which changes their
    rounding (batching.py). ``deterministic`` False lets a prompt begin with all that was evaluated,
    also what was decoded: less is read, and answers may differ by what ran before (context.py);
    None is True unless ``parallel``. ``flash_attention`` None takes it for those, leaves it to
    llama.cpp on an accelerator and switches it off on the CPU, where its rounding depends on the
    threads.
    ``type_k`` and ``type_v`` are the types of the KV cache's values, by name (``KV_TYPES``).
    """

    n_ctx: int | None = None
    n_batch: int = N_BATCH
    n_threads: int | None = None
    kept_bytes: int = KEPT_BYTES
    parallel: int = 1
    deterministic: bool | None = None
    flash_attention: bool | None = None
    type_k: str = "f16"
    type_v: str = "f16"


def context_params(weights: Weights, options: ContextOptions) -> llama.llama_context_params:
    """llama.cpp's parameters for ``options``, but for the threads.

    Raises:
        ConfigError: an unknown type, a quantized ``type_v`` without flash attention, or
            ``deterministic`` with ``parallel``.
        ModelError: it could never fit into memory.
    """
    for name, value in (("type_k", options.type_k), ("type_v", options.type_v)):
        if value not in KV_TYPES:
            raise ConfigError(f"{name} must be one of {', '.join(KV_TYPES)}, not {value!r}")
    if options.deterministic and options.parallel > 1:
        raise ConfigError(
            f"answers decoded together (parallel={options.parallel}) can't be deterministic",
            hint="leave one of the two out",
        )
    flash = options.flash_attention
    if options.type_v.startswith("q") and not flash:  # llama.cpp refuses it
        raise ConfigError(
            f"type_v={options.type_v!r} needs flash attention", hint="give flash_attention=True"
        )
    params: llama.llama_context_params = llama.llama_context_default_params()
    params.n_ctx = context_length(weights, options)
    params.n_batch = params.n_ubatch = min(options.n_batch, params.n_ctx)
    params.n_seq_max = 1
    if options.parallel > 1 and not steps_only_forward(weights):
        params.n_seq_max = 1 + SLOTS * options.parallel
        params.kv_unified = True  # copies between split buffers end the process
    params.no_perf = True
    params.type_k, params.type_v = KV_TYPES[options.type_k][0], KV_TYPES[options.type_v][0]
    if flash is not None:
        params.flash_attn_type = (
            llama.LLAMA_FLASH_ATTN_TYPE_ENABLED if flash else llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
        )
    elif params.n_seq_max > 1:  # it skips what belongs to other sequences
        params.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_ENABLED
    elif not accelerator():
        params.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
    _check_room(params.n_ctx * bytes_per_token(weights, options), params.n_ctx)
    return params


def bytes_per_token(weights: Weights, options: ContextOptions) -> float:
    """What one token costs in the KV cache."""
    bits = KV_TYPES[options.type_k][1] + KV_TYPES[options.type_v][1]
    return weights.kv_bytes_per_token * bits / 32


def context_length(weights: Weights, options: ContextOptions) -> int:
    """How many tokens a context of ``options`` has room for."""
    if options.n_ctx:
        return options.n_ctx
    if options.n_ctx == 0:
        return weights.n_ctx_train
    fits = int(KV_BYTES // max(bytes_per_token(weights, options), 1))
    return min(weights.n_ctx_train, max(fits - fits % 256, 256))


def check_fits(needed: int, n_ctx: int) -> None:
    """Refuse a prompt of ``needed`` tokens that leaves no room for one more.

    Raises:
        ContextOverflow: it does not fit.
        ModelError: there are none.
    """
    if not needed:
        raise ModelError("the prompt is empty: there is nothing to go on from")
    if needed >= n_ctx:
        raise ContextOverflow(
            f"the prompt needs {needed} tokens and the context has room for {n_ctx - 1}",
            needed=needed,
            available=n_ctx - 1,
            hint="shorten it, choose a memory that keeps less, or load with a larger n_ctx",
        )


def steps_only_forward(weights: Weights) -> bool:
    """Whether a part of what was read cannot be dropped again: a state sums up all of it."""
    model = weights.pointer
    return bool(llama.llama_model_is_recurrent(model) or llama.llama_model_is_hybrid(model))


def _check_room(needed: float, n_ctx: int) -> None:
    """Refuse what could never fit: the system would end the process instead."""
    if accelerator() or "SC_PHYS_PAGES" not in os.sysconf_names:
        return
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > memory:
        raise ModelError(
            f"a context of {n_ctx} tokens needs {needed / 1e9:.1f} GB, "
            f"and this machine has {memory / 1e9:.1f} GB",
            hint="give a smaller n_ctx",
        )
