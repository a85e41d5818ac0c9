"""Getting what can still be read out of a damaged store."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from agentlab.errors import StoreError
from agentlab.session.database import typed_errors
from agentlab.session.store import digest

_SESSION = ("id", "name", "created", "updated", "head", "settings")
_MESSAGE = ("id", "session", "parent", "role", "status", "body", "error", "seconds", "created")
_BODY = b'{"data": {"additional_kwargs"'


def recover(path: str | Path) -> dict[str, Any]:
    """What is readable in the store at ``path``, as plain values for JSON. The file is not changed.

    ``sessions`` can each be given to :func:`~agentlab.session.import_json`. ``loose`` are messages
    whose session could not be read, and those cut out of the raw file where the database could not
    be read at all. ``problems`` says what was left out or is doubtful.

    Raises:
        StoreError: there is no such file, or it cannot be opened.
    """
    file = Path(path)
    if not file.is_file():
        raise StoreError(f"there is no store {file}", hint="give the path of a sessions.db")
    problems: list[str] = []
    sessions = list(_rows(file, "session", _SESSION, problems))
    rows = list(_rows(file, "message", (*_MESSAGE, "digest"), problems))
    messages = [m for row in rows if (m := _message(row, problems)) is not None]
    by_session: dict[str, list[dict[str, Any]]] = {}
    for message in messages:
        by_session.setdefault(message.pop("session"), []).append(message)
    exported = [_session(s, by_session.pop(s["id"], [])) for s in sessions]
    loose = [m for orphans in by_session.values() for m in orphans]
    if problems:
        known = {json.dumps(m["message"], sort_keys=True) for m in messages}
        carved = (m for m in _carved(file) if json.dumps(m, sort_keys=True) not in known)
        loose += [{"message": message} for message in carved]
    return {"sessions": exported, "loose": loose, "problems": problems}


def _rows(
    file: Path, table: str, columns: tuple[str, ...], problems: list[str]
) -> Iterator[dict[str, Any]]:
    """The rows of ``table``, one by one, so that a damaged page costs only what is on it."""
    with typed_errors(file):
        connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)
    query = f"SELECT {', '.join(columns)} FROM {table} WHERE rowid = ?"  # noqa: S608
    with closing(connection):
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        try:
            last = connection.execute(f"SELECT max(rowid) FROM {table}").fetchone()[0] or 0  # noqa: S608
        except sqlite3.Error as error:
            problems.append(f"the table {table} cannot be read: {error}")
            return
        for number in range(1, min(last, 10_000_000) + 1):
            try:
                row = connection.execute(query, (number,)).fetchone()
            except sqlite3.Error as error:
                problems.append(f"{table} {number} cannot be read: {error}")
                continue
            if row is not None:
                yield dict(zip(columns, row, strict=True))


def _message(row: dict[str, Any], problems: list[str]) -> dict[str, Any] | None:
    try:
        message = json.loads(row.pop("body"))
    except (ValueError, TypeError):
        problems.append(f"message {row['id']!r} is not readable")
        return None
    written = row.pop("digest")
    whole = [row["id"], row["session"], row["parent"], row["role"], row["status"]]
    body = json.dumps(message, sort_keys=True)
    if written != digest([*whole, body, row["error"], row["seconds"], row["created"]]):
        problems.append(f"message {row['id']!r} is not what was written")
    del row["role"]
    return {**row, "message": message}


def _session(row: dict[str, Any], messages: list[dict[str, Any]]) -> dict[str, Any]:
    try:
        settings = json.loads(row["settings"])
    except (ValueError, TypeError):
        settings = {}
    known = {message["id"] for message in messages}
    for message in messages:  # what hung below a lost message begins a branch of its own
        if message["parent"] not in known:
            message["parent"] = None
    head = row["head"] if row["head"] in known else None
    if head is None and messages:
        head = max(messages, key=lambda m: m["created"])["id"]
    return {
        "agentlab_session": 1,
        "name": row["name"],
        "created": row["created"],
        "settings": settings,
        "head": head,
        "messages": messages,
    }


def _carved(file: Path) -> Iterator[dict[str, Any]]:
    """Messages that stand whole in the bytes of ``file``."""
    data = file.read_bytes()
    decoder = json.JSONDecoder()
    at = data.find(_BODY)
    while at != -1:
        text = data[at : at + 2**20].decode("latin-1")  # bodies are ASCII
        try:
            message, _ = decoder.raw_decode(text)
        except ValueError:
            pass
        else:
            yield message
        at = data.find(_BODY, at + 1)
