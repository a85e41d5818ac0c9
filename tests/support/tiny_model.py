"""A llama of 2 layers with random 32-bit weights: real enough for the engine, fast to run."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from tests.support.gguf_writer import ARRAY, Tensor, gguf

LAYERS, WIDTH, HEADS, INNER, CONTEXT = 2, 32, 4, 64, 512
INT32 = 5


def letters() -> list[str]:
    """GPT-2's printable names of the 256 bytes, by byte."""
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = iter(range(256, 512))
    return [chr(byte) if byte in own else chr(next(rest)) for byte in range(256)]


def write_tiny_model(path: Path, seed: int = 0) -> Path:
    """Write the model to ``path``: a token a byte, and one that ends an answer."""
    random = np.random.default_rng(seed)
    tokens = [*letters(), "th", "<|im_end|>"]

    def tensor(name: str, *shape: int, spread: float = 0.3) -> Tensor:
        values = random.normal(0, spread, shape).astype("<f4")
        return Tensor(name, shape, data=values.tobytes())

    def ones(name: str) -> Tensor:
        return Tensor(name, (WIDTH,), data=np.ones(WIDTH, "<f4").tobytes())

    tensors = [
        tensor("token_embd.weight", WIDTH, len(tokens), spread=1.0),
        ones("output_norm.weight"),
        tensor("output.weight", WIDTH, len(tokens)),
    ]
    for layer in range(LAYERS):
        tensors += [
            ones(f"blk.{layer}.attn_norm.weight"),
            *(tensor(f"blk.{layer}.attn_{n}.weight", WIDTH, WIDTH) for n in ("q", "k", "v")),
            tensor(f"blk.{layer}.attn_output.weight", WIDTH, WIDTH),
            ones(f"blk.{layer}.ffn_norm.weight"),
            tensor(f"blk.{layer}.ffn_gate.weight", WIDTH, INNER),
            tensor(f"blk.{layer}.ffn_up.weight", WIDTH, INNER),
            tensor(f"blk.{layer}.ffn_down.weight", INNER, WIDTH),
        ]
    kinds = [1] * (len(tokens) - 1) + [3]  # normal, and one for control
    metadata = {
        "general.architecture": "llama",
        "general.name": "Random",
        "llama.block_count": LAYERS,
        "llama.context_length": CONTEXT,
        "llama.embedding_length": WIDTH,
        "llama.feed_forward_length": INNER,
        "llama.attention.head_count": HEADS,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": WIDTH // HEADS,
        "llama.vocab_size": len(tokens),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": _integers(kinds),
        "tokenizer.ggml.merges": ["t h"],
        "tokenizer.ggml.eos_token_id": len(tokens) - 1,
        "tokenizer.ggml.bos_token_id": len(tokens) - 1,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": "{% for m in messages %}{{ m.content }}\n{% endfor %}",
    }
    path.write_bytes(gguf(metadata, tensors))
    return path


def _integers(values: list[int]) -> bytes:
    head = struct.pack("<IIQ", ARRAY, INT32, len(values))
    return head + struct.pack(f"<{len(values)}i", *values)
