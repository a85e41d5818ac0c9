"""What was acknowledged is there after a kill, a full disk, other writers and damage."""

from __future__ import annotations

import json
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agentlab.errors import ConfigError, CorruptStore, StoreError
from agentlab.models.scripted import ScriptedChatModel
from agentlab.session import Session, Store, import_json, recover
from agentlab.session.database import MIGRATIONS, VERSION, wal_is_safe
from tests.session.conftest import Echo

HERE = Path(__file__).parent
MODEL = ScriptedChatModel(replies=[{"say": "the whole answer", "repeat": True}])
KILLS = 40


def run(script: str, *arguments: Any) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_forty_kills_lose_nothing(store: Store) -> None:
    driver = run("kill_driver.py", store.path, KILLS, 7)
    out, _ = driver.communicate(timeout=120)
    results = [json.loads(line) for line in out.splitlines()]
    assert len(results) == KILLS
    assert all(result["killed"] for result in results)
    store.check()
    acknowledged = 0
    for result in results:
        chat = Session.load(result["name"], MODEL, store=store)
        turns = {turn.user.text: turn for turn in chat.turns}
        assert result["acknowledged"][0] == "Q 1"
        for line in result["acknowledged"]:
            kind, number = line.split()
            turn = turns[f"question {number}"]
            if kind == "A":
                assert (turn.status, turn.text) == ("complete", "the whole answer")
            acknowledged += 1
        assert all(turn.status in ("complete", "unfinished") for turn in chat.turns)
        chat.send("and on it goes")
    assert acknowledged > 2 * KILLS


def test_four_processes_lose_nothing(store: Store) -> None:
    count, names = 12, "abcd"
    Session(MODEL, name="shared", store=store)
    writers = run("many_writers.py", store.path, count, *names)
    out, _ = writers.communicate(timeout=120)
    assert writers.returncode == 0, out
    assert len(out.splitlines()) == 2 * count * len(names)
    store.check()
    shared = Session.load("shared", MODEL, store=store)
    branches = [{turn.user.text for turn in turns} for turns in shared.branches().values()]
    said = set().union(*branches)
    for name in names:
        wanted = [f"{name} {number}" for number in range(count)]
        own = Session.load(name, MODEL, store=store)
        assert [turn.user.text for turn in own.turns] == wanted
        assert all(turn.status == "complete" for turn in own.turns)
        assert said >= set(wanted)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file can grow above ``size`` bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_that_cannot_grow_leaves_the_old_data_whole(echo: Echo, store: Store) -> None:
    chat = Session(echo.runnable(), name="s", store=store)
    chat.send("before")
    with largest_file(store.path.stat().st_size), pytest.raises(StoreError) as caught:
        chat.send("x" * 200_000)
    assert str(store.path) in str(caught.value)
    assert len(echo.shown) == 1  # refused before the model was called
    store.check()
    assert [t.user.text for t in Session.load("s", echo.runnable(), store=store).turns] == [
        "before"
    ]
    chat.send("after")
    again = Session.load("s", echo.runnable(), store=store)
    assert [t.user.text for t in again.turns] == ["before", "after"]


def test_an_answer_that_cannot_be_kept_is_kept_later(store: Store) -> None:
    class Long:
        def stream(self, given: Any) -> Iterator[str]:
            yield "y" * 200_000 if given["input"] == "long" else "short"

    chat = Session(Long(), name="s", store=store)
    chat.send("before")
    with largest_file(store.path.stat().st_size + 40_000), pytest.raises(StoreError):
        chat.send("long")
    assert (chat.turns[-1].status, len(chat.turns[-1].text)) == ("complete", 200_000)
    assert Session.load("s", Long(), store=store).turns[-1].status == "unfinished"
    chat.settle()
    assert len(Session.load("s", Long(), store=store).turns[-1].text) == 200_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_the_old_data_whole(echo: Echo, small_disk: Path) -> None:
    store = Store(small_disk / "sessions.db")
    chat = Session(echo.runnable(), name="s", store=store)
    asked: list[str] = []
    with pytest.raises(StoreError, match="disk is full"):  # noqa: PT012
        for number in range(1000):
            chat.send(f"question {number} {'x' * 5000}")
            asked.append(f"question {number}")
    assert asked
    store.check()
    kept = Session.load("s", echo.runnable(), store=store)
    assert [t.user.text[: len(a)] for t, a in zip(kept.turns, asked, strict=False)] == asked


def filled(store: Store, echo: Echo) -> dict[str, list[str]]:
    for name in ("ada", "grace", "maarten"):
        chat = Session(echo.runnable(), name=name, store=store)
        for number in range(8):
            chat.send(f"{name} asks {number} " + "why? " * number * 20)
    return contents(store)


def contents(store: Store) -> dict[str, list[str]]:
    store.check()
    return {
        name: [node.message.text for node in store.load(name).tree.path()] for name in store.names()
    }


@pytest.mark.parametrize("kind", ["flip", "cut", "zero"])
def test_damage_is_reported_and_never_read_as_data(kind: str, store: Store, echo: Echo) -> None:
    before = filled(store, echo)
    data = store.path.read_bytes()
    chance = random.Random(kind)
    messages: list[str] = []
    for _ in range(60):
        damaged = bytearray(data)
        at = chance.randrange(len(data))
        match kind:
            case "flip":
                damaged[at] ^= 1 << chance.randrange(8)
            case "cut":
                del damaged[at:]
            case _:
                damaged[at : at + 512] = bytes(len(damaged[at : at + 512]))
        store.path.write_bytes(damaged)
        try:
            after = contents(store)
        except StoreError as error:
            messages.append(str(error))
        else:
            assert after == (before if damaged else {}), "damage was read as data"
    assert len(messages) > 10
    assert all(str(store.path) in message for message in messages)


def test_recover_exports_what_can_be_read(store: Store, echo: Echo) -> None:
    before = filled(store, echo)
    whole = recover(store.path)
    assert whole["problems"] == []
    assert whole["loose"] == []
    assert {s["name"]: len(s["messages"]) for s in whole["sessions"]} == {
        name: len(messages) for name, messages in before.items()
    }
    data = bytearray(store.path.read_bytes())
    at = data.find(b"grace asks 3")
    data[at : at + 5] = b"GRACE"
    page = 4096
    data[page * 5 : page * 6] = b"\xff" * page
    store.path.write_bytes(data)
    with pytest.raises(CorruptStore, match=str(store.path)):
        store.check()
    found = recover(store.path)
    assert found["problems"]
    assert store.path.read_bytes() == data
    readable = sum(len(s["messages"]) for s in found["sessions"]) + len(found["loose"])
    assert readable > 20
    other = Store(store.path.parent / "new.db")
    for session in found["sessions"]:
        assert import_json(json.dumps(session), store=other) == session["name"]
    assert set(contents(other)) <= set(before)


def test_recover_without_a_readable_database(store: Store, echo: Echo) -> None:
    filled(store, echo)
    data = bytearray(store.path.read_bytes())
    data[:4096] = bytes(4096)
    store.path.write_bytes(data)
    with pytest.raises(StoreError):
        store.names()
    found = recover(store.path)
    texts = {m["message"]["data"]["content"] for m in found["loose"]}
    assert {"ada asks 0 ", "re: grace asks 1 " + "why? " * 20} <= texts
    with pytest.raises(StoreError, match="no store"):
        recover(store.path.parent / "nothing.db")


def test_not_a_database_and_not_ours(store: Store) -> None:
    store.path.write_text("Dear diary, " * 100)
    with pytest.raises(CorruptStore, match="damaged"):
        store.names()
    store.path.unlink()
    other = sqlite3.connect(store.path)
    other.execute("CREATE TABLE precious (x)")
    other.close()
    with pytest.raises(StoreError, match="not one of AgentLab's"):
        store.names()
    assert sqlite3.connect(store.path).execute("SELECT * FROM precious").fetchall() == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        Store(tmp_path / "file" / "sessions.db").names()


def test_a_newer_version_is_refused(store: Store, echo: Echo) -> None:
    filled(store, echo)
    newer = sqlite3.connect(store.path)
    newer.execute(f"PRAGMA user_version = {VERSION + 1}")
    newer.close()
    data = store.path.read_bytes()
    with pytest.raises(StoreError, match=f"has version {VERSION + 1}") as caught:
        store.names()
    assert "newer" in caught.value.hint
    assert store.path.read_bytes() == data


def test_version_1_is_migrated(store: Store, echo: Echo) -> None:
    shutil.copy(HERE / "data" / "version1.db", store.path)
    chat = Session.load("ada", echo.runnable(), store=store)
    assert [m.text for m in chat.history] == ["Who are you?", "I am Ada.", "And I?", "Grace"]
    assert [t.status for t in chat.turns] == ["complete", "stopped"]
    chat.undo()
    again = Session.load("ada", echo.runnable(), store=store)
    again.redo()
    assert again.history[-1].text == "Grace"
    store.check()
    assert sqlite3.connect(store.path).execute("PRAGMA user_version").fetchone() == (VERSION,)


def test_migrations_are_one_transaction(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(HERE / "data" / "version1.db", store.path)
    broken = (*MIGRATIONS[:1], (MIGRATIONS[1][0], "ALTER TABLE nothing ADD COLUMN x"))
    with monkeypatch.context() as patch:
        patch.setattr("agentlab.session.database.MIGRATIONS", broken)
        with pytest.raises(StoreError):
            store.names()
    assert store.names() == ["ada"]


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), True),
    ],
)
def test_wal_only_where_it_is_fixed(version: tuple[int, int, int], safe: bool) -> None:
    assert wal_is_safe(version) is safe


def test_the_journal_mode_follows(store: Store) -> None:
    store.names()
    mode = sqlite3.connect(store.path).execute("PRAGMA journal_mode").fetchone()[0]
    assert mode == ("wal" if wal_is_safe() else "delete")


def test_deleted_while_in_use(store: Store, echo: Echo) -> None:
    chat = Session(echo.runnable(), name="s", store=store)
    chat.send("a")
    store.delete("s")
    with pytest.raises(StoreError, match="was deleted"):
        chat.send("b")
    chat.save("s again")
    assert [m.text for m in Session.load("s again", echo.runnable(), store=store).history] == [
        "a",
        "re: a",
    ]
    with pytest.raises(ConfigError):
        store.load("s")
