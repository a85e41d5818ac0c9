"""What a kill, a flipped bit, a full disk or another writer can do to an index: nothing."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from agentlab.errors import ConfigError, CorruptStore, NewerFormat, StoreError
from agentlab.rag import Index
from agentlab.rag import store as storing
from tests.rag.conftest import WordEmbeddings

ROOT = Path(__file__).parents[2]
KILLS = 40


def make(path: Path, count: int = 20, **settings: Any) -> Index:
    texts = [f"text {n}" for n in range(count)]
    ids = [str(n) for n in range(count)]
    return Index.from_texts(texts, WordEmbeddings(), ids=ids, path=path, **settings)


def numbers(index: Index) -> set[int]:
    return {int(i) for (i,) in index._open().records.query("SELECT id FROM chunks")}


def test_a_kill_leaves_the_last_whole_index(tmp_path: Path) -> None:
    path = tmp_path / "index"
    make(path)
    chance = random.Random(7)
    start, found = 20, set(range(20))
    command = [sys.executable, "-m", "tests.rag.kill_driver", str(path)]
    driver = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert driver.stdin is not None
    assert driver.stdout is not None
    for _ in range(KILLS):
        driver.stdin.write(f"{start}\n")
        first = {driver.stdout.readline(), driver.stdout.readline()}
        assert "ready\n" in first
        (pid,) = (int(line.removeprefix("pid ")) for line in first if line != "ready\n")
        time.sleep(chance.uniform(0.0, 0.12))
        os.kill(pid, signal.SIGKILL)
        said = list(iter(driver.stdout.readline, "dead\n"))
        finished = [int(line) for line in said]
        index = Index.open(path, WordEmbeddings())
        index.verify()
        after = numbers(index)
        expected = set(found)
        for n in finished:
            expected.add(n)
            if n % 3 == 0:
                expected.discard(n - 1)
        next_one = (finished[-1] if finished else start - 1) + 1
        # What was told is there; of the next one an add, and then a delete, may be.
        assert after in (
            expected,
            expected | {next_one},
            (expected | {next_one}) - {next_one - 1},
        )
        assert index.search(f"text {max(after)}", k=1, mode="keyword")[0].id == str(max(after))
        found, start = after, next_one + 1
    driver.stdin.close()
    driver.wait(10)
    left = sorted(p.name for p in path.iterdir())
    Index.open(path, WordEmbeddings()).add_texts(["last"])
    assert len([p for p in path.iterdir() if p.name.startswith("build-")]) <= 2, left
    assert not [p for p in path.iterdir() if p.name.startswith(".new-")]


@pytest.mark.parametrize("kind", ["flat", "hnsw"])
def test_all_damage_is_found(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "index"
    make(path, kind=kind)
    files = [p for p in path.rglob("*") if p.is_file() and p.name != "lock"]
    assert len(files) >= 13
    chance = random.Random(7)
    for file in files:
        good = file.read_bytes()
        at = chance.randrange(len(good)) if good else 0
        flipped = good[:at] + bytes([good[at] ^ (1 << chance.randrange(8))]) + good[at + 1 :]
        bad = [flipped, good[:-1], good + b"x", b"", b"\0" * len(good)]
        for damaged in bad:
            file.write_bytes(damaged)
            try:
                Index.open(path, WordEmbeddings())
            except CorruptStore:
                pass
            else:  # white space, or a letter's case in an escape, may mean the same
                assert file.name == "current.json"
                assert json.loads(damaged) == json.loads(good)
        file.unlink()
        with pytest.raises((CorruptStore, ConfigError)):
            Index.open(path, WordEmbeddings())
        file.write_bytes(good)
    Index.open(path, WordEmbeddings()).verify()


def test_damage_is_found_by_an_open_index(tmp_path: Path) -> None:
    index = make(tmp_path)
    (vectors,) = tmp_path.rglob("vectors.f32")
    data = bytearray(vectors.read_bytes())
    data[100] ^= 1
    vectors.write_bytes(data)
    with pytest.raises(CorruptStore, match=r"vectors\.f32.*its sha256 is another"):
        index.verify()
    with pytest.raises(CorruptStore):
        index.add(["more"])


def test_a_full_disk_leaves_the_old_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = make(tmp_path)
    real, left = os.fsync, [0]

    def full(descriptor: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    for limit in range(12):
        left[0] = limit
        with pytest.raises(StoreError, match="No space left"):
            index.add(["more"])
        assert len(Index.open(tmp_path, WordEmbeddings())) == 20
    monkeypatch.undo()
    index.add(["more"])
    assert len(index) == 21
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".new-")]


def test_readers_keep_what_they_opened(tmp_path: Path) -> None:
    writer = make(tmp_path)
    readers = []
    for n in range(4):
        readers.append(Index.open(tmp_path, WordEmbeddings()))
        writer.add_texts([f"new {n}"])
    for n, reader in enumerate(readers):
        assert len(reader) == 20 + n
        # Only now are the words loaded.
        assert len(reader.search("new", k=9, mode="keyword")) == n
        assert reader.refresh()
        assert len(reader) == 24
        assert not reader.refresh()
    del readers, reader
    writer.add(["last"])
    assert len([p for p in tmp_path.iterdir() if p.name.startswith("build-")]) <= 2


def add() -> None:
    """A writer: eight texts, one at a time."""
    index, name = Index.open(sys.argv[1], WordEmbeddings()), sys.argv[2]
    for n in range(8):
        index.add_texts([f"{name} {n}"], ids=[f"{name}{n}"])


def test_no_writer_undoes_another(tmp_path: Path) -> None:
    make(tmp_path, 1)
    program = "from tests.rag.test_durability import add; add()"
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), name], cwd=ROOT)
        for name in "abc"
    ]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    index = Index.open(tmp_path, WordEmbeddings())
    index.verify()
    assert len(index) == 25


def test_a_later_format_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "FORMAT", 2)
    make(tmp_path)
    monkeypatch.undo()
    with pytest.raises(NewerFormat, match="later version"):
        Index.open(tmp_path, WordEmbeddings())


def test_an_index_holds_no_pickle(tmp_path: Path) -> None:
    make(tmp_path)
    for file in tmp_path.rglob("*.npy"):
        assert b"'O'" not in file.read_bytes()[:128]
