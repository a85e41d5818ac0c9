"""The chunks of an index, in a SQLite file beside the vectors: ``row`` is the vector's number."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.documents import Document

from agentlab.errors import ConfigError, CorruptStore

FILE = "chunks.sqlite"
_SCHEMA = """
CREATE TABLE chunks (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, text TEXT NOT NULL, metadata TEXT NOT NULL,
    source TEXT, key TEXT NOT NULL, parent INTEGER
);
CREATE INDEX by_source ON chunks (source);
CREATE INDEX by_key ON chunks (key);
CREATE INDEX by_parent ON chunks (parent) WHERE parent IS NOT NULL;
CREATE TABLE parents (
    parent INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, text TEXT NOT NULL, metadata TEXT NOT NULL
);
CREATE TABLE sources (source TEXT PRIMARY KEY, sha256 TEXT NOT NULL);
"""
_WITH_IDS = "SELECT id, text, metadata FROM chunks WHERE id IN (SELECT value FROM json_each(?))"
_DELETE_IDS = "DELETE FROM chunks WHERE id IN (SELECT value FROM json_each(?))"
_WITH_SOURCES = (
    "SELECT id, text, metadata FROM chunks WHERE source IN (SELECT value FROM json_each(?))"
)
_DELETE_SOURCES = "DELETE FROM chunks WHERE source IN (SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True)
class Record:
    """A chunk as it is stored. ``parent`` is the larger piece it comes from."""

    row: int
    document: Document
    parent: int | None


@dataclass(frozen=True, slots=True)
class NewChunk:
    """A chunk to be stored: ``key`` is the hash of what was embedded."""

    document: Document
    key: str
    vector: Sequence[float]
    parent: Document | None = None


class Records:
    """The chunks of one build, for reading. Used by several threads."""

    def __init__(self, path: Path) -> None:
        uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        self._db = sqlite3.connect(uri, uri=True, check_same_thread=False)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows that ``sql`` finds."""
        try:
            with self._lock:
                return self._db.execute(sql, parameters).fetchall()
        except sqlite3.DatabaseError as error:
            raise CorruptStore(f"the chunks of the index cannot be read: {error}") from error

    def get(self, rows: Sequence[int]) -> list[Record]:
        """The chunks with these numbers, in this order; those that are gone are left out."""
        found = {
            row: Record(row, _document(*fields), parent)
            for row, *fields, parent in self.query(
                "SELECT row, id, text, metadata, parent FROM chunks "
                "WHERE row IN (SELECT value FROM json_each(?))",
                [json.dumps(list(rows))],
            )
        }
        return [found[row] for row in rows if row in found]

    def parents(self, numbers: Sequence[int]) -> dict[int, Document]:
        """The larger pieces with these numbers."""
        sql = (
            "SELECT parent, id, text, metadata FROM parents "
            "WHERE parent IN (SELECT value FROM json_each(?))"
        )
        rows = self.query(sql, [json.dumps(list(numbers))])
        return {number: _document(*fields) for number, *fields in rows}

    def by_ids(self, ids: Sequence[str]) -> list[Document]:
        """The chunks with these ids, in this order; unknown ones are left out."""
        rows = self.query(_WITH_IDS, [json.dumps(list(ids))])
        found = {row[0]: _document(*row) for row in rows}
        return [found[i] for i in ids if i in found]

    def rows_of_keys(self, keys: Sequence[str]) -> dict[str, int]:
        """A row for each hash that is known."""
        sql = "SELECT key, row FROM chunks WHERE key IN (SELECT value FROM json_each(?))"
        return dict(self.query(sql, [json.dumps(list(keys))]))

    def sources(self) -> dict[str, str]:
        """The sha256 of the files that were read, by source."""
        return dict(self.query("SELECT source, sha256 FROM sources"))


class RecordWriter:
    """The chunks of a build that is being made."""

    def __init__(self, path: Path) -> None:
        new = not path.exists()
        self._db = sqlite3.connect(path, isolation_level=None)
        # Nobody sees the file before it is whole: it needs no journal.
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute("PRAGMA synchronous=OFF")
        if new:
            self._db.executescript(_SCHEMA)
        self._db.execute("BEGIN")
        self.content = 0  # what the changes add to the sum of all chunks' hashes

    def close(self) -> None:
        """Write what is left and let go of the file."""
        self._db.execute(
            "DELETE FROM parents WHERE parent NOT IN "
            "(SELECT parent FROM chunks WHERE parent IS NOT NULL)"
        )
        self._db.execute("COMMIT")
        self._db.close()

    def delete_ids(self, ids: Sequence[str]) -> int:
        """Remove the chunks with these ids; how many there were."""
        return self._delete(ids, _WITH_IDS, _DELETE_IDS)

    def delete_sources(self, sources: Sequence[str]) -> int:
        """Remove the chunks of these files; how many there were."""
        wanted = [json.dumps(list(sources))]
        self._db.execute(
            "DELETE FROM sources WHERE source IN (SELECT value FROM json_each(?))", wanted
        )
        return self._delete(sources, _WITH_SOURCES, _DELETE_SOURCES)

    def _delete(self, values: Sequence[str], select: str, delete: str) -> int:
        wanted = [json.dumps(list(values))]
        hashes = [_hash(*row) for row in self._db.execute(select, wanted)]
        self.content -= sum(hashes)
        self._db.execute(delete, wanted)
        return len(hashes)

    def insert(self, first_row: int, chunks: Iterable[NewChunk]) -> None:
        """Add ``chunks``, numbered from ``first_row``."""
        for row, chunk in enumerate(chunks, start=first_row):
            document = chunk.document
            assert document.id is not None
            metadata = as_json(document.metadata)
            source = document.metadata.get("source")
            self._db.execute(
                "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    row,
                    document.id,
                    document.page_content,
                    metadata,
                    source if isinstance(source, str) else None,
                    chunk.key,
                    self._parent(chunk.parent),
                ),
            )
            self.content += _hash(document.id, document.page_content, metadata)

    def _parent(self, document: Document | None) -> int | None:
        if document is None:
            return None
        self._db.execute(
            "INSERT OR IGNORE INTO parents (id, text, metadata) VALUES (?, ?, ?)",
            (document.id, document.page_content, as_json(document.metadata)),
        )
        found = self._db.execute("SELECT parent FROM parents WHERE id = ?", (document.id,))
        number: int = found.fetchone()[0]
        return number

    def note_sources(self, digests: Mapping[str, str]) -> None:
        """Keep the sha256 of files that were read."""
        self._db.executemany("INSERT OR REPLACE INTO sources VALUES (?, ?)", digests.items())

    def rows(self) -> list[int]:
        """The numbers of all chunks, in order."""
        return [row for (row,) in self._db.execute("SELECT row FROM chunks ORDER BY row")]

    def renumber(self, rows: Sequence[int]) -> None:
        """Number the chunks ``rows`` (all of them, ascending) from 0."""
        pairs = [(new, old) for new, old in enumerate(rows) if new != old]
        # Ascending, a new number is free whenever it is given.
        self._db.executemany("UPDATE chunks SET row = ? WHERE row = ?", pairs)

    def texts(self, first_row: int) -> list[tuple[int, str, str]]:
        """(row, text, metadata as JSON) of the chunks from ``first_row`` on."""
        sql = "SELECT row, text, metadata FROM chunks WHERE row >= ? ORDER BY row"
        return list(self._db.execute(sql, (first_row,)))


def as_json(metadata: Mapping[str, Any]) -> str:
    """Metadata as it is stored.

    Raises:
        ConfigError: it holds what JSON has no place for.
    """
    try:
        return json.dumps(metadata, ensure_ascii=False, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"the metadata of a document cannot be stored: {error}",
            hint="use text, numbers, booleans, lists and mappings with text as keys",
        ) from error


def _document(id: str, text: str, metadata: str) -> Document:
    return Document(page_content=text, metadata=json.loads(metadata), id=id)


def _hash(*parts: str) -> int:
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:16], "big")
