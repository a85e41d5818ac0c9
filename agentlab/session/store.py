"""Where conversations are kept: one SQLite file, which any number of processes may write."""

from __future__ import annotations

import difflib
import hashlib
import json
import sqlite3
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from langchain_core.messages import BaseMessage, message_to_dict, messages_from_dict

from agentlab.config import settings
from agentlab.errors import ConfigError, CorruptStore, SessionBusy, StoreError
from agentlab.session.database import connected, transaction
from agentlab.session.tree import Node, NodeStatus, Tree, new_id

_MAX_NAME = 100
_SESSION = "SELECT id, name, created, updated, head, undone, settings, memory, digest FROM session"
_READ = """SELECT id, session, parent, role, status, body, error, seconds, created, digest
    FROM message WHERE session = ? ORDER BY created, rowid"""
_WRITE = """INSERT INTO message
    (id, session, parent, role, status, body, error, seconds, created, digest)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET parent = excluded.parent, status = excluded.status,
    body = excluded.body, error = excluded.error, seconds = excluded.seconds,
    created = excluded.created, digest = excluded.digest"""


@dataclass(frozen=True, slots=True)
class Listed:
    """A stored conversation in a list. Times are seconds since 1970, UTC."""

    name: str
    created: float
    updated: float
    messages: int
    first: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored conversation, whole."""

    id: str
    name: str
    created: float
    updated: float
    tree: Tree
    settings: dict[str, Any]
    memory: dict[str, Any]


class Store:
    """The conversations in the file ``path``; by default ``sessions.db`` among AgentLab's data.

    A write returns when it is on the disk. Every method raises
    :class:`~agentlab.errors.StoreError` when the file cannot be used, and
    :class:`~agentlab.errors.CorruptStore` when it is damaged.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = Path(path) if path is not None else settings().data / "sessions.db"

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    def names(self) -> list[str]:
        """The names of all conversations, last used first."""
        with connected(self.path) as db:
            rows = db.execute("SELECT name FROM session ORDER BY updated DESC, name").fetchall()
        return [row[0] for row in rows]

    def list(self) -> list[Listed]:
        """All conversations, last used first."""
        with connected(self.path) as db:
            rows = db.execute(
                """SELECT name, created, updated,
                    (SELECT count(*) FROM message WHERE session = s.id),
                    (SELECT body FROM message WHERE session = s.id AND role = 'human'
                     ORDER BY created LIMIT 1)
                FROM session s ORDER BY updated DESC, name"""
            ).fetchall()
        return [Listed(n, c, u, count, self._text(body)) for n, c, u, count, body in rows]

    def create(self, name: str, settings: Mapping[str, Any] = {}) -> str:
        """Make an empty conversation and return its id.

        Raises:
            ConfigError: the name is taken, or is no name.
        """
        check_name(name)
        id, now = new_id(), time.time()
        with connected(self.path) as db, transaction(db):
            if db.execute("SELECT 1 FROM session WHERE name = ?", (name,)).fetchone():
                raise ConfigError(
                    f"there is a session {name!r} already",
                    hint="load it, delete it, or choose another name",
                )
            db.execute(
                "INSERT INTO session (id, name, created, updated, settings) VALUES (?,?,?,?,?)",
                (id, name, now, now, json.dumps(dict(settings))),
            )
            _seal(db, id)
        return id

    def load(self, name: str) -> Stored:
        """The conversation ``name``.

        Raises:
            ConfigError: there is none of that name.
        """
        with connected(self.path) as db, transaction(db, "DEFERRED"):
            row = db.execute(f"{_SESSION} WHERE name = ?", (name,)).fetchone()
            if row is None:
                raise self._unknown(name, db)
            if row[8] not in ("", digest(row[:8])):  # empty: written by version 1
                raise self._corrupt(f"session {name!r} is not what was written")
            messages = db.execute(_READ, (row[0],)).fetchall()
        nodes = [self._node(message) for message in messages]
        undone = self._json(row[5], list)
        known = {node.id for node in nodes}
        if not {n.parent for n in nodes} | {row[4], *undone} <= known | {None}:
            raise self._corrupt(f"session {name!r} misses a message")
        return Stored(
            id=row[0],
            name=row[1],
            created=row[2],
            updated=row[3],
            tree=Tree(nodes, row[4], undone),
            settings=self._json(row[6], dict),
            memory=self._json(row[7], dict),
        )

    def write(
        self,
        id: str,
        nodes: Iterable[Node],
        tree: Tree,
        *,
        was: str | None,
        force: bool = False,
        settings: Mapping[str, Any] | None = None,
        memory: Mapping[str, Any] | None = None,
    ) -> bool:
        """Keep ``nodes``, and move the head from ``was`` to the tree's, all in one.

        True when the head moved. When another process has moved it before, with ``force`` only
        the nodes are kept, and the answer is False.

        Raises:
            SessionBusy: another process has moved the head; nothing was written.
            StoreError: the conversation was deleted.
        """
        with connected(self.path) as db, transaction(db):
            head = db.execute("SELECT head FROM session WHERE id = ?", (id,)).fetchone()
            if head is None:
                raise StoreError(
                    "the session was deleted while it was in use",
                    hint="keep it under a new name with save(NAME)",
                )
            moves: bool = head[0] == was
            if not moves and not force:
                raise SessionBusy(
                    "the session was changed by another process",
                    hint="load it again to go on from there",
                )
            db.executemany(
                _WRITE,
                [_row(id, node) for node in nodes],
            )
            if moves:
                db.execute(
                    "UPDATE session SET head = ?, undone = ? WHERE id = ?",
                    (tree.head, json.dumps(tree.undone), id),
                )
            db.execute("UPDATE session SET updated = ? WHERE id = ?", (time.time(), id))
            for column, value in (("settings", settings), ("memory", memory)):
                if value is not None:
                    db.execute(
                        f"UPDATE session SET {column} = ? WHERE id = ?",  # noqa: S608
                        (json.dumps(dict(value)), id),
                    )
            _seal(db, id)
        return moves

    def rename(self, old: str, new: str) -> None:
        """Give the conversation ``old`` the name ``new``.

        Raises:
            ConfigError: there is no ``old``, or ``new`` is taken or no name.
        """
        check_name(new)
        with connected(self.path) as db, transaction(db):
            if old != new and db.execute("SELECT 1 FROM session WHERE name = ?", (new,)).fetchone():
                raise ConfigError(f"there is a session {new!r} already", hint="choose another name")
            found = db.execute("SELECT id FROM session WHERE name = ?", (old,)).fetchone()
            if found is None:
                raise self._unknown(old, db)
            db.execute("UPDATE session SET name = ? WHERE id = ?", (new, found[0]))
            _seal(db, found[0])

    def delete(self, name: str) -> None:
        """Delete the conversation ``name``, with all its branches. This cannot be undone.

        Raises:
            ConfigError: there is none of that name.
        """
        with connected(self.path) as db, transaction(db):
            if not db.execute("DELETE FROM session WHERE name = ?", (name,)).rowcount:
                raise self._unknown(name, db)

    def check(self) -> None:
        """Read everything.

        Raises:
            CorruptStore: the file is damaged.
        """
        with connected(self.path) as db:
            found = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            raise self._corrupt(str(found).splitlines()[-1].strip())
        for name in self.names():
            self.load(name)

    def _node(self, row: tuple[Any, ...]) -> Node:
        if row[9] != digest(row[:9]):
            raise self._corrupt(f"message {row[0]!r} is not what was written")
        return node_of(row)

    def _text(self, body: str | None) -> str:
        if body is None:
            return ""
        try:
            return message_of(body).text
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._corrupt("a message cannot be read") from error

    def _json(self, text: str, kind: type) -> Any:
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if not isinstance(value, kind):
            raise self._corrupt("a session's settings cannot be read")
        return value

    def _corrupt(self, what: str) -> CorruptStore:
        return CorruptStore(
            f"the store {self.path} is damaged: {what}",
            hint=f"what can be read is exported by: agentlab sessions recover {self.path}",
        )

    def _unknown(self, name: str, db: sqlite3.Connection) -> ConfigError:
        names = [row[0] for row in db.execute("SELECT name FROM session")]
        near = difflib.get_close_matches(name, names, n=1)
        return ConfigError(
            f"there is no session {name!r}",
            hint=f"did you mean {near[0]!r}?" if near else "see: agentlab sessions list",
        )


def check_name(name: str) -> None:
    """Raise ConfigError unless ``name`` can be a session's name: printable, 1 to 100 characters."""
    if not name.strip() or not name.isprintable() or len(name) > _MAX_NAME:
        raise ConfigError(
            f"{name[:_MAX_NAME]!r} cannot be a session's name",
            hint=f"a name is 1 to {_MAX_NAME} printable characters",
        )


def body_of(message: BaseMessage) -> str:
    """``message`` as JSON, without its id: a loaded message gets a new one."""
    plain = message_to_dict(message)
    plain["data"].pop("id", None)
    return json.dumps(plain, sort_keys=True, default=str)


def message_of(body: str) -> BaseMessage:
    """The message in :func:`body_of`'s JSON, under a fresh id."""
    [message] = messages_from_dict([json.loads(body)])
    message.id = new_id()
    return message


def node_of(row: tuple[Any, ...]) -> Node:
    """The node in a row of the table ``message``."""
    return Node(
        id=row[0],
        parent=row[2],
        status=cast(NodeStatus, row[4]),
        message=message_of(row[5]),
        error=row[6],
        seconds=row[7],
        created=row[8],
    )


def digest(row: Iterable[Any]) -> str:
    """A short sum of a row's other columns, by which a changed one is found."""
    return hashlib.sha256(json.dumps(list(row)).encode()).hexdigest()[:32]


def _seal(db: sqlite3.Connection, id: str) -> None:
    """Set the digest of the session ``id`` to that of its row."""
    row = db.execute(f"{_SESSION} WHERE id = ?", (id,)).fetchone()
    db.execute("UPDATE session SET digest = ? WHERE id = ?", (digest(row[:8]), id))


def _row(session: str, node: Node) -> tuple[Any, ...]:
    row = (
        node.id,
        session,
        node.parent,
        node.message.type,
        node.status,
        body_of(node.message),
        node.error.encode("utf-8", "replace").decode(),
        None if node.seconds is None else float(node.seconds),
        float(node.created),
    )
    return (*row, digest(row))
