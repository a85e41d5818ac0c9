"""The reader of GGUF headers: against the real model, llama.cpp's own tables, and hostile files."""

from __future__ import annotations

import contextlib
import ctypes
import re
import struct
import tracemalloc
from pathlib import Path

import llama_cpp
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agentlab.errors import ModelFileError
from agentlab.models.box import find_box_model
from agentlab.models.gguf_header import ArraySummary, read_header
from agentlab.models.gguf_types import FILE_TYPES, TENSOR_TYPES
from tests.support.gguf_writer import ARRAY, MODEL, Tensor, gguf, text

VALID = gguf()


def _write(folder: Path, data: bytes) -> Path:
    path = folder / "model.gguf"
    path.write_bytes(data)
    return path


def test_model_in_the_box() -> None:
    header = read_header(find_box_model())
    assert header.architecture == "llama"
    assert header.quantisation == "Q4_1"
    assert header.context_length == 8192
    assert header.license == "apache-2.0"
    assert header.has_chat_template
    assert header.parameter_count == 134_515_008
    assert header.metadata["tokenizer.ggml.tokens"] == ArraySummary("string", 49_152)
    assert header.needed_size == header.size == find_box_model().stat().st_size


@pytest.mark.parametrize("version", [2, 3])
def test_small_file(tmp_path: Path, version: int) -> None:
    header = read_header(_write(tmp_path, gguf(version=version)))
    assert header.version == version
    assert header.name == "Tiny"
    assert header.context_length == 128
    assert header.quantisation == "F32"
    assert header.metadata["tokenizer.ggml.scores"] == ArraySummary("float32", 4)
    (tensor,) = header.tensors
    assert (tensor.name, tensor.dimensions, tensor.size) == ("token_embd.weight", (8, 4), 128)
    assert header.complete


def test_quantisation_without_file_type_is_that_of_most_bytes(tmp_path: Path) -> None:
    metadata = {key: value for key, value in MODEL.items() if key != "general.file_type"}
    tensors = [Tensor("a", (256, 40), type=12, data=bytes(5760)), Tensor("b", (8,))]
    assert read_header(_write(tmp_path, gguf(metadata, tensors))).quantisation == "Q4_K"


def test_unknown_tensor_type_is_left_to_llama_cpp(tmp_path: Path) -> None:
    header = read_header(_write(tmp_path, gguf(tensors=[Tensor(type=999)])))
    assert header.tensors[0].size is None
    assert header.complete


def test_tensor_types_are_ggml_s() -> None:
    library = Path(llama_cpp.__file__).parent / "lib" / "libggml-base.so"
    if not library.exists():
        pytest.skip("llama.cpp is built as one library")
    ggml = ctypes.CDLL(str(library))
    ggml.ggml_blck_size.restype = ctypes.c_int64
    ggml.ggml_type_size.restype = ctypes.c_size_t
    for number, (name, block, size) in TENSOR_TYPES.items():
        assert ggml.ggml_blck_size(number) == block, name
        assert ggml.ggml_type_size(number) == size, name


def test_file_types_are_llama_cpp_s() -> None:
    named = {
        getattr(llama_cpp, name): re.sub("LLAMA_FTYPE_(MOSTLY_|ALL_)", "", name)
        for name in dir(llama_cpp)
        if name.startswith(("LLAMA_FTYPE_MOSTLY_", "LLAMA_FTYPE_ALL_"))
    }
    assert len(named) > 30
    assert {number: FILE_TYPES.get(number) for number in named} == named


@pytest.mark.parametrize("length", [4, 8, 23, 40, 100, 300])
def test_cut_inside_the_header(tmp_path: Path, length: int) -> None:
    with pytest.raises(ModelFileError, match=f"cut short: its {length} bytes end inside"):
        read_header(_write(tmp_path, VALID[:length]))


def test_cut_inside_the_tensors(tmp_path: Path) -> None:
    header = read_header(_write(tmp_path, VALID[:-1]))
    assert not header.complete
    assert (header.size, header.needed_size) == (len(VALID) - 1, len(VALID))


def _kv(key: str, kind: int, payload: bytes) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text(key) + struct.pack("<I", kind) + payload


HUGE = (1 << 64) - 1
BOMBS = {
    "keys": (b"GGUF" + struct.pack("<IQQ", 3, 0, HUGE), "metadata keys"),
    "tensors": (b"GGUF" + struct.pack("<IQQ", 3, HUGE, 0), "tensors"),
    "key length": (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, HUGE), "a text of"),
    "text length": (_kv("a", 8, struct.pack("<Q", HUGE)), "a text of"),
    "array of texts": (_kv("a", ARRAY, struct.pack("<IQ", 8, HUGE)), "array of"),
    "array of numbers": (_kv("a", ARRAY, struct.pack("<IQ", 12, HUGE)), "cut short"),
    "text in an array": (_kv("a", ARRAY, struct.pack("<IQQ", 8, 2, HUGE)), "cut short"),
    "nested array": (_kv("a", ARRAY, struct.pack("<IQIQ", 9, 1, 9, 1)), "unknown type 9"),
    "value type": (_kv("a", 77, b""), "unknown type 77"),
    "twice": (
        b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + 2 * (text("a") + struct.pack("<II", 4, 1)),
        "there twice",
    ),
    "alignment": (gguf({**MODEL, "general.alignment": 33}), "power of two"),
    "dimensions": (gguf(tensors=[Tensor(dimensions=(1,) * 5)]), "5 dimensions"),
    "values": (gguf(tensors=[Tensor(dimensions=(1 << 62, 4), data=b"x")]), "values"),
    "row": (gguf(tensors=[Tensor(dimensions=(33,), type=2)]), "no multiple of 32"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_hostile_headers_cost_no_memory(tmp_path: Path, name: str) -> None:
    data, message = BOMBS[name]
    path = _write(tmp_path, data)
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError, match=message):
            read_header(path)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_sparse_file_cannot_make_the_reader_read_it_all(tmp_path: Path) -> None:
    path = _write(tmp_path, _kv("a", 8, struct.pack("<Q", 60 << 30)))
    with path.open("ab") as file:
        file.truncate(64 << 30)
    with pytest.raises(ModelFileError, match="a text of"):
        read_header(path)


def test_promised_offset_beyond_any_file(tmp_path: Path) -> None:
    header = read_header(_write(tmp_path, gguf(tensors=[Tensor(offset=HUGE)])))
    assert not header.complete


def test_versions(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="GGUF version 1;"):
        read_header(_write(tmp_path, gguf(version=1)))
    with pytest.raises(ModelFileError, match="big-endian"):
        read_header(_write(tmp_path, b"GGUF" + struct.pack(">IQQ", 3, 1, 1) + bytes(40)))


def test_a_promised_text_takes_no_memory(tmp_path: Path) -> None:
    whole = gguf({"general.name": "x" * 10})
    at = whole.index(b"x" * 10) - 8
    path = _write(tmp_path, whole[:at] + struct.pack("<Q", 60 << 20) + whole[at + 8 :])
    tracemalloc.start()
    with pytest.raises(ModelFileError):
        read_header(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    data = bytearray(VALID)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data) - 1))
        new = draw(st.one_of(st.binary(min_size=1, max_size=9), st.just(b"\xff" * 8)))
        kind = draw(st.sampled_from(["replace", "insert", "delete"]))
        data[at : at + (0 if kind == "insert" else len(new))] = b"" if kind == "delete" else new
        if not data:
            break
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


@given(mutations())
@example(b"")
def test_any_damage_gives_a_typed_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = _write(tmp_path_factory.getbasetemp(), data)
    tracemalloc.start()
    with contextlib.suppress(ModelFileError):
        header = read_header(path)
        assert header.size == len(data)
        assert header.parameter_count >= 0
        assert isinstance(header.quantisation, str)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20
