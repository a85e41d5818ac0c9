"""A change of an index: from the build that counts to the next."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentlab.errors import StoreError
from agentlab.rag import keyword, records, vectors
from agentlab.rag.preparing import with_title
from agentlab.rag.snapshot import Snapshot
from agentlab.rag.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_GONE = 0.25  # the share of rows without a chunk above which all are numbered anew
_CONTENT = 1 << 128


@dataclass(slots=True)
class Change:
    """What to remove, then what to add. ``fresh`` forgets everything that there is."""

    ids: Sequence[str] = ()
    sources: Sequence[str] = ()
    chunks: Sequence[records.NewChunk] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    fresh: bool = False


def same_embeddings(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether these are the same embeddings; their file may lie elsewhere."""
    return {**one, "spec": None} == {**other, "spec": None}


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """What an index is built with, kept in its manifest."""

    embeddings: dict[str, Any]
    splitter: str
    kind: str
    language: str
    titles: bool


def write(store: Store, settings: IndexSettings, dimensions: int, change: Change) -> int:
    """Apply ``change`` to the build that counts; how many chunks were removed.

    Raises:
        StoreError: the new build cannot be written. The old one is still there.
        CorruptStore: the old one is damaged.
    """
    with store.writing() as folder:
        build = None if change.fresh else store.open()
        base = None if build is None else Snapshot(build)
        if base is not None and not same_embeddings(
            base.manifest["embeddings"], settings.embeddings
        ):
            raise StoreError(
                f"the index {str(store.path)!r} was built anew with other embeddings meanwhile",
                hint="open it again",
            )
        try:
            manifest, removed = _build(folder, base, settings, dimensions, change)
        finally:
            if base is not None:
                base.close()
        store.publish(folder, manifest)
    return removed


def _build(
    folder: Path,
    base: Snapshot | None,
    settings: IndexSettings,
    dimensions: int,
    change: Change,
) -> tuple[dict[str, Any], int]:
    import numpy as np

    first = 0 if base is None else int(base.manifest["rows"])
    if base is not None:
        shutil.copyfile(base.build.folder / records.FILE, folder / records.FILE)
    writer = records.RecordWriter(folder / records.FILE)
    removed = writer.delete_sources(change.sources) if change.sources else 0
    replaced = [c.document.id for c in change.chunks if c.document.id is not None]
    removed += writer.delete_ids([*change.ids, *replaced])
    writer.insert(first, change.chunks)
    writer.note_sources(change.digests)
    rows = writer.rows()
    total = first + len(change.chunks)

    fresh = (
        vectors.unit([c.vector for c in change.chunks])
        if change.chunks
        else np.zeros((0, dimensions), np.float32)
    )
    kept: Sequence[int] | None = None
    renumbered: dict[int, int] | None = None
    if total - len(rows) > _MOST_GONE * total:
        writer.renumber(rows)
        kept = rows
        renumbered = dict(enumerate(rows))
        total = len(rows)
        rows = list(range(len(rows)))
    new_rows = [r for r in rows if (renumbered[r] if renumbered else r) >= first]
    texts = _texts(writer, new_rows, settings.titles)
    content = (int(base.manifest["content"], 16) if base else 0) + writer.content
    writer.close()

    kind = vectors.chosen(settings.kind, total)
    _write_vectors(folder, fresh, kind, base, kept)
    words = None if base is None else base.build.folder / keyword.FOLDER
    keyword.write_words(folder / keyword.FOLDER, settings.language, rows, texts, words, renumbered)
    manifest = {
        "embeddings": settings.embeddings,
        "splitter": settings.splitter,
        "asked_kind": settings.kind,
        "kind": kind,
        "language": settings.language,
        "titles": settings.titles,
        "dimensions": dimensions,
        "rows": total,
        "chunks": len(rows),
        "content": f"{content % _CONTENT:032x}",
    }
    return manifest, removed


def _texts(writer: records.RecordWriter, rows: Sequence[int], titles: bool) -> dict[int, str]:
    """What is searched by words of the new chunks ``rows``, by row."""
    if not rows:
        return {}
    wanted = set(rows)
    return {
        row: with_title(text, json.loads(metadata)) if titles else text
        for row, text, metadata in writer.texts(min(rows))
        if row in wanted
    }


def _write_vectors(
    folder: Path,
    fresh: NDArray[np.float32],
    kind: str,
    base: Snapshot | None,
    kept: Sequence[int] | None,
) -> None:
    """Write the vectors of ``base``, then ``fresh``; of those, only the rows ``kept`` if given."""
    import numpy as np

    same = base is not None and kept is None
    old = base.build.folder if base is not None else folder
    before = fresh[:0] if base is None else base.vectors.array
    if same and not len(fresh):
        _link(old / vectors.FILE, folder / vectors.FILE)
        if kind != "flat":
            _link(old / vectors.GRAPH, folder / vectors.GRAPH)
        return
    path = folder / vectors.FILE
    if same:  # copied by the system: there may be more of them than memory has room for
        shutil.copyfile(old / vectors.FILE, path)
        with path.open("ab") as file:
            fresh.tofile(file)
    else:
        whole = np.concatenate([before, fresh]) if len(before) else fresh
        (whole if kept is None else whole[kept]).tofile(path)
    if kind == "flat":
        return
    array = vectors.opened(path, fresh.shape[1])
    usable = same and base is not None and base.manifest["kind"] == kind
    vectors.write_graph(folder, array, kind, old / vectors.GRAPH if usable else None, len(before))


def _link(old: Path, new: Path) -> None:
    """The same file in both builds: neither ever changes."""
    with suppress(OSError):
        os.link(old, new)
        return
    shutil.copyfile(old, new)
