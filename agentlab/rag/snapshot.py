"""An opened build: its chunks, vectors and words, none of which change."""

from __future__ import annotations

import sqlite3
import threading
import weakref
from typing import TYPE_CHECKING, Any

from agentlab.errors import CorruptStore
from agentlab.rag import keyword, records, vectors
from agentlab.rag.filters import Filter, matching_rows
from agentlab.rag.store import Build

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Snapshot:
    """What is searched. Its files are kept on disk while it is open."""

    def __init__(self, build: Build) -> None:
        self.build = build
        self.manifest: dict[str, Any] = build.manifest
        try:
            self.records = records.Records(build.folder / records.FILE)
            self.vectors = vectors.Vectors(
                build.folder,
                self.manifest["rows"],
                self.manifest["dimensions"],
                self.manifest["kind"],
            )
            self._all_rows = self._alive()
        except (KeyError, ValueError, TypeError, OSError) as error:
            raise CorruptStore(
                f"the index in {str(build.folder)!r} is not what its manifest says: {error}"
            ) from error
        # Who searches may go on with it after the index has moved to the next.
        self._closing = weakref.finalize(self, _close, self.records, build)
        self._words: keyword.Words | None = None
        self._lock = threading.Lock()

    @property
    def words(self) -> keyword.Words:
        """The words of the chunks, loaded when they are first asked for."""
        with self._lock:
            if self._words is None:
                folder = self.build.folder / keyword.FOLDER
                self._words = keyword.Words(folder, self.manifest["language"])
            return self._words

    def rows(self, filter: Filter | None) -> NDArray[np.int64] | None:
        """The rows that ``filter`` lets through; None for all that there are."""
        if filter is None:
            return self._all_rows
        import numpy as np

        return np.array(matching_rows(self.records, filter), np.int64)

    def _alive(self) -> NDArray[np.int64] | None:
        """The rows that are not deleted; None where none is."""
        if self.manifest["rows"] == self.manifest["chunks"]:
            return None
        import numpy as np

        found = self.records.query("SELECT row FROM chunks ORDER BY row")
        return np.array([row for (row,) in found], np.int64)

    def check(self) -> None:
        """Look whether the parts can be read and belong together.

        Raises:
            CorruptStore: they do not.
        """
        try:
            problems = [text for (text,) in self.records.query("PRAGMA integrity_check")]
            count = self.records.query("SELECT count(*) FROM chunks")[0][0]
            agree = problems == ["ok"] and count == self.manifest["chunks"] == len(self.words.rows)
        except (sqlite3.Error, ValueError, OSError) as error:
            raise CorruptStore(f"the index is damaged: {error}") from error
        if not agree:
            raise CorruptStore(
                f"the index in {str(self.build.folder)!r} does not hold what its manifest says"
            )

    def close(self) -> None:
        """Let go of the files."""
        self._closing()


def _close(opened: records.Records, build: Build) -> None:
    opened.close()
    build.held.close()
