"""SQLite as the store uses it: durable, patient with other writers, with typed errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

from agentlab.errors import CorruptStore, StoreError

APPLICATION_ID = 0x41474C42  # "AGLB", in the file's header
BUSY_SECONDS = 30.0

# Entry n brings a store from version n to n + 1. Never change one: add another.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE session (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            created REAL NOT NULL,
            updated REAL NOT NULL,
            head TEXT,
            settings TEXT NOT NULL DEFAULT '{}'
        ) STRICT""",
        """CREATE TABLE message (
            id TEXT PRIMARY KEY,
            session TEXT NOT NULL REFERENCES session(id) ON DELETE CASCADE,
            parent TEXT,
            role TEXT NOT NULL,
            status TEXT NOT NULL,
            body TEXT NOT NULL,
            error TEXT NOT NULL DEFAULT '',
            seconds REAL,
            created REAL NOT NULL,
            digest TEXT NOT NULL
        ) STRICT""",
        "CREATE INDEX message_session ON message(session)",
    ),
    (
        # What redo goes back to, what a memory has made (its summaries), and a sum of the row.
        "ALTER TABLE session ADD COLUMN undone TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE session ADD COLUMN memory TEXT NOT NULL DEFAULT '{}'",
        "ALTER TABLE session ADD COLUMN digest TEXT NOT NULL DEFAULT ''",
    ),
)
VERSION = len(MIGRATIONS)


def wal_is_safe(version: tuple[int, int, int] = sqlite3.sqlite_version_info) -> bool:
    """Whether this SQLite has the fix for the corruption on WAL reset."""
    return version >= (3, 51, 3) or any(
        fixed <= version < (fixed[0], fixed[1] + 1, 0) for fixed in ((3, 50, 7), (3, 44, 6))
    )


@contextmanager
def typed_errors(path: Path) -> Iterator[None]:
    """Raise SQLite's errors about ``path`` as :class:`StoreError` or :class:`CorruptStore`."""
    try:
        yield
    except sqlite3.Error as error:
        raise _typed(error, path) from error
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise StoreError(f"the store {path} cannot be used: {reason}") from error


@contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to the store at ``path``, made or migrated where needed.

    Raises:
        StoreError: it cannot be opened, is no AgentLab store, or is of a newer version.
        CorruptStore: it is damaged.
    """
    with typed_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(_connect(path)) as connection:
            _prepare(connection, path)
            yield connection


@contextmanager
def transaction(
    connection: sqlite3.Connection, kind: Literal["IMMEDIATE", "DEFERRED"] = "IMMEDIATE"
) -> Iterator[None]:
    """All or nothing, and nobody else writes meanwhile. DEFERRED is for reading only."""
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk may have rolled back already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    # Pages that another program changed under a schema we trust are checked as they are read.
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection, path)
    if version == VERSION:
        return
    wanted = "wal" if wal_is_safe() else "delete"
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != wanted:
        connection.execute(f"PRAGMA journal_mode = {wanted}")
    with transaction(connection):
        version = _version(connection, path)  # another process may have been faster
        for steps in MIGRATIONS[version:]:
            for step in steps:
                connection.execute(step)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and owner != APPLICATION_ID:
        raise StoreError(
            f"{path} is a database, but not one of AgentLab's",
            hint="give another file, or set AGENTLAB_DATA to another folder",
        )
    if version > VERSION:
        raise StoreError(
            f"the store {path} has version {version}, and this AgentLab reads up to {VERSION}",
            hint="use a newer AgentLab",
        )
    return version


def _typed(error: sqlite3.Error, path: Path) -> StoreError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    match code:
        case sqlite3.SQLITE_FULL:
            return StoreError(
                f"the disk is full, nothing was written to {path}",
                hint="free some space; what was stored before is whole",
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreError(f"the store {path} is in use by another program", hint="try again")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN:
            return StoreError(
                f"the store {path} cannot be opened for writing: {error}",
                hint="look at the permissions of the file and its folder, or set AGENTLAB_DATA",
            )
        case sqlite3.SQLITE_IOERR:
            return StoreError(
                f"the store {path} could not be read or written: {error}",
                hint="look at the disk's free space and health; what was stored before is whole",
            )
    return CorruptStore(
        f"the store {path} is damaged: {error}",
        hint=f"what can be read is exported by: agentlab sessions recover {path}",
    )
