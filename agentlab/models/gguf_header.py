"""Reading the header of a GGUF file: what a model says of itself, without loading it.

The file is not trusted. Every length is checked against what the file still holds and against a
limit far above real models, so a hostile header costs neither memory nor time.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from agentlab.errors import ModelFileError
from agentlab.models.gguf_types import ARRAY, FILE_TYPES, SCALARS, STRING, TENSOR_TYPES

MAGIC = b"GGUF"
MAX_KEYS = 65_536
MAX_TENSORS = 100_000
MAX_HEADER_BYTES = 1 << 30
MAX_KEY_BYTES = 65_535  # the format's own limit
MAX_TEXT_BYTES = 64 << 20  # of all keys, names and texts together, outside arrays
MAX_STRINGS = 8_000_000  # of all arrays together; the largest vocabularies have some 500,000
MAX_DIMENSIONS = 4  # ggml's own limit
_CHUNK = 1 << 20

Scalar = int | float | bool | str


@dataclass(frozen=True, slots=True)
class ArraySummary:
    """An array in the metadata, its values left in the file."""

    element: str
    count: int


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """A tensor: ``dimensions`` as the file has them, ``offset`` in bytes from the data's start.

    ``size`` in bytes is None where ``type`` is a number that this version does not know.
    """

    name: str
    dimensions: tuple[int, ...]
    type: str
    offset: int
    size: int | None


@dataclass(frozen=True, slots=True)
class GGUFHeader:
    """What a GGUF file says of itself. Sizes are in bytes."""

    path: Path
    size: int
    needed_size: int
    version: int
    metadata: dict[str, Scalar | ArraySummary]
    tensors: tuple[TensorInfo, ...]

    @property
    def architecture(self) -> str:
        """``llama``, ``qwen2``, …; empty where the file does not say."""
        return self._text("general.architecture")

    @property
    def name(self) -> str:
        """The model's name, empty where the file does not say."""
        return self._text("general.name")

    @property
    def license(self) -> str:
        """The licence's short name, empty where the file does not say."""
        return self._text("general.license")

    @property
    def context_length(self) -> int | None:
        """The tokens that the model was trained to see."""
        found = self.metadata.get(f"{self.architecture}.context_length")
        return found if type(found) is int else None

    @property
    def quantisation(self) -> str:
        """``Q4_K_M``, ``F16``, …: of the file, else the type that most of its bytes have."""
        named = self.metadata.get("general.file_type")
        if type(named) is int and named in FILE_TYPES:
            return FILE_TYPES[named]
        sizes: dict[str, int] = {}
        for tensor in self.tensors:
            sizes[tensor.type] = sizes.get(tensor.type, 0) + (tensor.size or 0)
        return max(sizes, key=sizes.__getitem__, default="")

    @property
    def parameter_count(self) -> int:
        """The values in all tensors of this file."""
        return sum(math.prod(tensor.dimensions) for tensor in self.tensors)

    @property
    def has_chat_template(self) -> bool:
        """Whether the file brings its own chat template."""
        return bool(self.metadata.get("tokenizer.chat_template"))

    @property
    def complete(self) -> bool:
        """Whether the file is long enough for all its tensors."""
        return self.size >= self.needed_size

    def _text(self, key: str) -> str:
        found = self.metadata.get(key)
        return found if isinstance(found, str) else ""


def read_header(path: Path) -> GGUFHeader:
    """Read the header of one GGUF file. Whether the file is complete is left to the caller.

    Raises:
        ModelFileError: the header is damaged, cut short, or of a version llama.cpp does not read.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return _HeaderReader(path, file).read()


class _HeaderReader:
    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self._end = min(self._size, MAX_HEADER_BYTES)
        self._strings_left = MAX_STRINGS
        self._text_left = MAX_TEXT_BYTES

    def read(self) -> GGUFHeader:
        if self._take(4) != MAGIC:
            raise self._damaged("it does not begin with 'GGUF'")
        version = self._read_version()
        tensor_count, key_count = self._u64(), self._u64()
        if key_count > MAX_KEYS:
            raise self._damaged(f"it announces {key_count} metadata keys")
        if tensor_count > MAX_TENSORS:
            raise self._damaged(f"it announces {tensor_count} tensors")
        metadata: dict[str, Scalar | ArraySummary] = {}
        for _ in range(key_count):
            key = self._string(MAX_KEY_BYTES)
            if key in metadata:
                raise self._damaged(f"the key {key[:80]!r} is there twice")
            metadata[key] = self._value(key)
        tensors = tuple(self._tensor() for _ in range(tensor_count))
        alignment = self._alignment(metadata)
        start = -(-self._file.tell() // alignment) * alignment
        ends = [start + tensor.offset + (tensor.size or 0) for tensor in tensors]
        return GGUFHeader(
            path=self._path,
            size=self._size,
            needed_size=max(ends, default=self._file.tell()),
            version=version,
            metadata=metadata,
            tensors=tensors,
        )

    def _read_version(self) -> int:
        version = self._u32()
        if version in (2, 3):
            return version
        if version & 0xFFFF == 0 and version:
            raise ModelFileError(
                f"{str(self._path)!r} is a big-endian GGUF file, made for another processor",
                hint="download the little-endian file of this model",
            )
        raise ModelFileError(
            f"{str(self._path)!r} is GGUF version {version}; llama.cpp reads versions 2 and 3",
            hint="download a newer conversion of this model",
        )

    def _alignment(self, metadata: dict[str, Scalar | ArraySummary]) -> int:
        found = metadata.get("general.alignment", 32)
        if type(found) is not int or found < 1 or found & (found - 1):
            raise self._damaged("its alignment is not a power of two")
        return found

    def _value(self, key: str) -> Scalar | ArraySummary:
        kind = self._u32()
        if kind == STRING:
            return self._string(MAX_TEXT_BYTES)
        if kind == ARRAY:
            return self._array(key)
        if kind not in SCALARS:
            raise self._damaged(f"the value of {key[:80]!r} has the unknown type {kind}")
        return self._number(SCALARS[kind][1])

    def _array(self, key: str) -> ArraySummary:
        kind, count = self._u32(), self._u64()
        if kind == STRING:
            self._skip_strings(count)
            return ArraySummary("string", count)
        if kind not in SCALARS:  # nested arrays, too: llama.cpp has none
            raise self._damaged(f"the array {key[:80]!r} has elements of the unknown type {kind}")
        name, form = SCALARS[kind]
        self._skip(count * struct.calcsize(form))
        return ArraySummary(name, count)

    def _tensor(self) -> TensorInfo:
        name = self._string(MAX_KEY_BYTES)
        rank = self._u32()
        if rank > MAX_DIMENSIONS:
            raise self._damaged(f"the tensor {name[:80]!r} has {rank} dimensions")
        dimensions = tuple(self._u64() for _ in range(rank))
        values = math.prod(dimensions)
        if values >= 1 << 63:
            raise self._damaged(f"the tensor {name[:80]!r} has {values} values")
        kind, offset = self._u32(), self._u64()
        if kind not in TENSOR_TYPES:  # llama.cpp may be newer than this table
            return TensorInfo(name, dimensions, str(kind), offset, None)
        type_name, block, block_bytes = TENSOR_TYPES[kind]
        if dimensions and dimensions[0] % block:
            raise self._damaged(f"a row of the tensor {name[:80]!r} is no multiple of {block}")
        return TensorInfo(name, dimensions, type_name, offset, values // block * block_bytes)

    # -- bytes ------------------------------------------------------------------------------

    def _take(self, count: int) -> bytes:
        taken = self._file.read(count)
        if len(taken) < count:
            raise self._cut_short()
        return taken

    def _number(self, form: str) -> Scalar:
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]  # type: ignore[no-any-return]

    def _u32(self) -> int:
        return int.from_bytes(self._take(4), "little")

    def _u64(self) -> int:
        return int.from_bytes(self._take(8), "little")

    def _string(self, limit: int) -> str:
        length = self._u64()
        if length > min(limit, self._text_left):
            raise self._damaged(f"it announces a text of {length} bytes")
        if length > self._end - self._file.tell():  # reading would take that memory first
            raise self._cut_short()
        self._text_left -= length
        return self._take(length).decode("utf-8", "replace")

    def _skip(self, count: int) -> None:
        if count > self._end - self._file.tell():
            raise self._cut_short()
        self._file.seek(count, os.SEEK_CUR)

    def _skip_strings(self, count: int) -> None:
        """Pass over ``count`` texts: chunk by chunk, as vocabularies have hundreds of thousands."""
        if count > self._strings_left:
            raise self._damaged(f"it announces an array of {count} texts")
        self._strings_left -= count
        length_at = struct.Struct("<Q").unpack_from
        while count:
            start = self._file.tell()
            chunk = self._file.read(_CHUNK)
            at, last = 0, len(chunk) - 8
            while count and at <= last:
                at += 8 + length_at(chunk, at)[0]
                count -= 1
            if at == 0 or start + at > self._end:
                raise self._cut_short()
            self._file.seek(start + at)

    # -- errors -----------------------------------------------------------------------------

    def _damaged(self, what: str) -> ModelFileError:
        return ModelFileError(
            f"{str(self._path)!r} has a damaged GGUF header: {what}",
            hint="download the file again",
        )

    def _cut_short(self) -> ModelFileError:
        if self._size > MAX_HEADER_BYTES:
            return self._damaged(f"it does not end within {MAX_HEADER_BYTES} bytes")
        return ModelFileError(
            f"{str(self._path)!r} is cut short: its {self._size} bytes end inside the header",
            hint="download the file again",
        )
