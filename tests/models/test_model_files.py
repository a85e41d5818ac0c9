"""Model files on disk: each kind of wrong file is told apart, and says how to mend it."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from agentlab.errors import ConfigError, ModelError, ModelFileError, UnknownModel
from agentlab.models.files import check_gguf, split_parts
from tests.support.gguf_writer import MODEL, Tensor, gguf, write_gguf


def test_whole_model(tmp_path: Path) -> None:
    assert check_gguf(write_gguf(tmp_path / "tiny.gguf")).name == "Tiny"


def test_cut_short_names_both_sizes(tmp_path: Path) -> None:
    data = gguf()
    path = tmp_path / "cut.gguf"
    path.write_bytes(data[:-7])
    with pytest.raises(ModelFileError) as caught:
        check_gguf(path)
    assert f"it has {len(data) - 7} bytes, its header promises {len(data)}" in str(caught.value)
    assert caught.value.hint == "download the file again"


SAFETENSORS = (
    struct.pack("<Q", 60) + b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}' + bytes(9)
)
KINDS = {
    "an HTML page": b"\n<!DOCTYPE html><html><body>Sign in</body></html>",
    "a safetensors file": SAFETENSORS,
    "a zip archive or a PyTorch checkpoint": b"PK\x03\x04" + bytes(30),
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    "empty": b"",
    "full of zeros": bytes(4096),
    "a Python pickle": b"\x80\x02}q\x00.",
    "an HDF5 (Keras) file": b"\x89HDF\r\n\x1a\n" + bytes(9),
    "a gzip archive": b"\x1f\x8b\x08" + bytes(9),
    "the old GGJT format": b"tjgg" + bytes(9),
    "a JSON text": b'{"error": "not found"}',
    "a text that begins with 'Not Found'": b"Not Found",
    "the bytes de ad be ef": b"\xde\xad\xbe\xef" * 9,
}


@pytest.mark.parametrize("kind", KINDS)
def test_other_kinds_are_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(KINDS[kind])
    with pytest.raises(ModelFileError, match="is not a GGUF file") as caught:
        check_gguf(path)
    assert kind in str(caught.value)
    assert caught.value.hint


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    for name in ("qwen2.5-1.5b-q4_k_m.gguf", "phi-3.gguf"):
        write_gguf(tmp_path / name)
    with pytest.raises(UnknownModel, match="there is no file") as caught:
        check_gguf(tmp_path / "qwen2.5-1.5b-q4km.gguf")
    assert caught.value.hint == "in that folder: qwen2.5-1.5b-q4_k_m.gguf"
    assert isinstance(caught.value, ConfigError)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match="there is no folder"):
        check_gguf(tmp_path / "no" / "model.gguf")


def test_folder(tmp_path: Path) -> None:
    write_gguf(tmp_path / "inside.gguf")
    with pytest.raises(UnknownModel, match="is a folder") as caught:
        check_gguf(tmp_path)
    assert caught.value.hint == "it holds inside.gguf"


def test_link_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "link.gguf").symlink_to(tmp_path / "gone")
    with pytest.raises(UnknownModel, match="a link to a file that is gone"):
        check_gguf(tmp_path / "link.gguf")


def test_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")  # opening it would wait for a writer for ever
    with pytest.raises(ModelFileError, match="a device or pipe"):
        check_gguf(tmp_path / "pipe.gguf")


def test_name_that_no_file_can_have() -> None:
    with pytest.raises(ModelFileError, match="cannot be read"):
        check_gguf(Path("a\0b.gguf"))
    with pytest.raises(ModelFileError, match="cannot be read: File name too long"):
        check_gguf(Path("a" * 5000 + ".gguf"))


def test_no_permission(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "secret.gguf")
    path.chmod(0)
    euid = os.geteuid()
    if euid == 0:  # nothing is forbidden to root
        os.seteuid(65534)
    try:
        with pytest.raises(ModelFileError, match="no permission"):
            check_gguf(path)
    finally:
        os.seteuid(euid)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"general.type": "adapter"}, "LoRA adapter"),
        ({"general.architecture": "clip"}, "image encoder"),
        ({"general.architecture": ""}, "does not say its architecture"),
    ],
)
def test_not_a_language_model(tmp_path: Path, metadata: dict[str, str], message: str) -> None:
    path = tmp_path / "other.gguf"
    path.write_bytes(gguf({**MODEL, **metadata}))
    with pytest.raises(ModelFileError, match=message):
        check_gguf(path)


def test_without_tensors(tmp_path: Path) -> None:
    path = tmp_path / "vocab.gguf"
    path.write_bytes(gguf(tensors=[]))
    with pytest.raises(ModelFileError, match="without weights"):
        check_gguf(path)


def _write_parts(folder: Path, count: int = 3) -> list[Path]:
    paths = [folder / f"big-{part:05d}-of-{count:05d}.gguf" for part in range(1, count + 1)]
    for number, path in enumerate(paths):
        metadata = MODEL if number == 0 else {"general.architecture": "llama"}
        tensors = [Tensor(f"blk.{number}.weight")]
        path.write_bytes(gguf({**metadata, "split.no": number, "split.count": count}, tensors))
    return paths


def test_split_model(tmp_path: Path) -> None:
    paths = _write_parts(tmp_path)
    header = check_gguf(paths[0])
    assert header.size == sum(path.stat().st_size for path in paths)
    assert header.parameter_count == 3 * 32
    assert split_parts(paths[0]) == paths


def test_split_model_lacking_a_part(tmp_path: Path) -> None:
    paths = _write_parts(tmp_path)
    paths[1].unlink()
    with pytest.raises(ModelFileError, match="part 2 of 3 is missing") as caught:
        check_gguf(paths[0])
    assert isinstance(caught.value, ModelError)


def test_split_model_with_a_damaged_part(tmp_path: Path) -> None:
    paths = _write_parts(tmp_path)
    paths[2].write_bytes(paths[2].read_bytes()[:-1])
    with pytest.raises(ModelFileError, match=r"00003-of-00003.gguf' is cut short"):
        check_gguf(paths[0])


def test_later_part_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="is part 2 of a model in 3 files") as caught:
        check_gguf(_write_parts(tmp_path)[1])
    assert "big-00001-of-00003.gguf" in caught.value.hint


def test_renamed_first_part(tmp_path: Path) -> None:
    path = _write_parts(tmp_path)[0].rename(tmp_path / "big.gguf")
    with pytest.raises(ModelFileError, match="the first of 3 parts"):
        check_gguf(path)
