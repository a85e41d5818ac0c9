"""Vectors of texts that were embedded before, in one SQLite file a model.

A cache: whatever is wrong with it, the texts are embedded again. Each vector is kept with a sum, so
that a damaged one is not used.
"""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from agentlab.config import settings

_TABLE = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB, sum INTEGER)"
_MOST_AT_ONCE = 500  # SQLite's own limit of parameters is larger


class VectorCache:
    """The vectors of one model; ``identity`` says which, and how it embeds."""

    def __init__(self, identity: Mapping[str, Any]) -> None:
        marks = "\n".join(f"{k}={identity[k]}" for k in sorted(identity))
        name = hashlib.sha256(marks.encode()).hexdigest()[:16]
        self.path: Path = settings().cache / "embeddings" / f"{name}.sqlite"

    def get(self, texts: Sequence[str]) -> dict[str, list[float]]:
        """The vectors that are known, by text."""
        import numpy as np

        if not self.path.is_file():
            return {}
        keys = {_key(text): text for text in texts}
        found: dict[str, list[float]] = {}
        try:
            with closing(self._connect()) as db:
                wanted = list(keys)
                for start in range(0, len(wanted), _MOST_AT_ONCE):
                    part = wanted[start : start + _MOST_AT_ONCE]
                    marks = ",".join("?" * len(part))
                    rows = db.execute(
                        f"SELECT key, vector, sum FROM vectors WHERE key IN ({marks})",  # noqa: S608
                        part,
                    )
                    for key, vector, check in rows:
                        if _sum(key, vector) == check:
                            found[keys[key]] = np.frombuffer(vector, "<f4").tolist()
        except (sqlite3.Error, OSError, TypeError, ValueError):
            self._start_again()
        return found

    def put(self, vectors: Mapping[str, Sequence[float]]) -> None:
        """Keep ``vectors``, by text."""
        import numpy as np

        rows = []
        for text, vector in vectors.items():
            key, data = _key(text), np.asarray(vector, "<f4").tobytes()
            rows.append((key, data, _sum(key, data)))
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connect()) as db, db:
                db.execute(_TABLE)
                db.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
        except sqlite3.DatabaseError as error:
            if not isinstance(error, sqlite3.OperationalError):  # damaged; not a full disk
                self._start_again()
        except OSError:
            pass

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=10)
        db.execute("PRAGMA synchronous=NORMAL")
        return db

    def _start_again(self) -> None:
        with suppress(OSError):
            self.path.unlink()


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _sum(key: bytes, vector: bytes) -> int:
    return zlib.crc32(vector, zlib.crc32(key))
