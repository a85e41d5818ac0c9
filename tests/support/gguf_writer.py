"""A small writer of GGUF files: valid ones, and ones that are wrong in a chosen way."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

UINT32, FLOAT32, BOOL, STRING, ARRAY, UINT64 = 4, 6, 7, 8, 9, 10
F32 = 0
ALIGNMENT = 32

MODEL = {
    "general.architecture": "llama",
    "general.type": "model",
    "general.name": "Tiny",
    "general.license": "apache-2.0",
    "general.file_type": 0,
    "llama.context_length": 128,
    "tokenizer.chat_template": "{{ messages[0].content }}",
    "tokenizer.ggml.tokens": ["<s>", "</s>", "a", "b"],
    "tokenizer.ggml.scores": [0.0, 0.0, -1.0, -2.0],
}


@dataclass
class Tensor:
    """A tensor of 32-bit floats. ``type`` and ``offset`` can be made to lie."""

    name: str = "token_embd.weight"
    dimensions: Sequence[int] = (8, 4)
    type: int = F32
    offset: int | None = None
    data: bytes = field(default=b"")

    def __post_init__(self) -> None:
        if not self.data:
            count = 1
            for dimension in self.dimensions:
                count *= dimension
            self.data = struct.pack(f"<{count}f", *(i / 7 for i in range(count)))


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def value(item: object) -> bytes:
    """A metadata value with its type."""
    if isinstance(item, bytes):  # already encoded, type included
        return item
    if isinstance(item, bool):
        return struct.pack("<I?", BOOL, item)
    if isinstance(item, int):
        return struct.pack("<II", UINT32, item)
    if isinstance(item, float):
        return struct.pack("<If", FLOAT32, item)
    if isinstance(item, str):
        return struct.pack("<I", STRING) + text(item)
    if isinstance(item, list):
        kind = STRING if item and isinstance(item[0], str) else FLOAT32
        body = b"".join(value(each)[4:] for each in item)
        return struct.pack("<IIQ", ARRAY, kind, len(item)) + body
    raise TypeError(item)


def gguf(
    metadata: Mapping[str, object] = MODEL,
    tensors: Sequence[Tensor] = (Tensor(),),
    *,
    version: int = 3,
) -> bytes:
    """The bytes of a GGUF file."""
    infos, data = b"", b""
    for tensor in tensors:
        offset = len(data) if tensor.offset is None else tensor.offset
        infos += text(tensor.name) + struct.pack("<I", len(tensor.dimensions))
        infos += b"".join(struct.pack("<Q", dimension) for dimension in tensor.dimensions)
        infos += struct.pack("<IQ", tensor.type, offset)
        data += tensor.data + bytes(-len(tensor.data) % ALIGNMENT)
    pairs = b"".join(text(key) + value(item) for key, item in metadata.items())
    header = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata)) + pairs + infos
    return header + bytes(-len(header) % ALIGNMENT) + data


def write_gguf(path: Path, **changes: object) -> Path:
    """Write a small valid model to ``path``; ``changes`` go over its metadata (``_`` for ``.``)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gguf({**MODEL, **{k.replace("_", ".", 1): v for k, v in changes.items()}}))
    return path
