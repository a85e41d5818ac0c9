"""From documents to chunks with vectors: each text is embedded once."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

from agentlab import cancellation
from agentlab.rag.records import NewChunk, as_json
from agentlab.rag.split import Piece

if TYPE_CHECKING:
    from agentlab.rag.snapshot import Snapshot

Progress = Callable[[int, int], None]
"""Told while texts are embedded: how many are done, and how many there are."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def with_title(text: str, metadata: Mapping[str, Any]) -> str:
    """What is searched of a chunk: its title and section before its text, where it has them."""
    heads = [metadata.get("title"), metadata.get("section")]
    begin = text.lstrip("# \t")
    known = dict.fromkeys(h for h in heads if isinstance(h, str) and h and not begin.startswith(h))
    return "\n".join([*known, text])


def with_ids(pieces: Iterable[Piece]) -> list[Piece]:
    """``pieces``, each with an id, which is a hash of it where it has none; equal ones once."""
    found: dict[str, Piece] = {}
    for chunk, parent in pieces:
        own = _clean(chunk)
        found.pop(str(own.id), None)  # the last of those with one id counts
        found[str(own.id)] = Piece(own, None if parent is None else _clean(parent))
    return list(found.values())


def _clean(document: Document) -> Document:
    # Half of a pair of code units, which JSON files can name, has no place in UTF-8.
    text = _SURROGATE.sub("\ufffd", document.page_content)
    metadata = _SURROGATE.sub("\ufffd", as_json(document.metadata))
    id = document.id or hashlib.sha256(f"{metadata}\0{text}".encode()).hexdigest()[:20]
    return Document(page_content=text, metadata=json.loads(metadata), id=str(id))


def prepare(
    pieces: Sequence[Piece],
    embeddings: Embeddings,
    base: Snapshot | None,
    *,
    titles: bool,
    progress: Progress | None = None,
) -> tuple[list[NewChunk], int]:
    """The chunks to store, and how many texts were embedded.

    Vectors of texts that ``base`` holds are taken from there. ``pieces`` must have ids.
    """
    documents = [piece.chunk for piece in pieces]
    texts = [
        with_title(d.page_content, d.metadata) if titles else d.page_content for d in documents
    ]
    keys = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    by_key = dict(zip(keys, texts, strict=True))
    vectors: dict[str, Sequence[float]] = {}
    if base is not None:
        rows = base.records.rows_of_keys(list(by_key))
        vectors = {key: base.vectors.array[row] for key, row in rows.items()}
    missing = [key for key in by_key if key not in vectors]
    batch = int(getattr(embeddings, "batch", 64))
    for start in range(0, len(missing), batch):
        cancellation.raise_if_cancelled()
        block = missing[start : start + batch]
        fresh = embeddings.embed_documents([by_key[key] for key in block])
        vectors |= zip(block, fresh, strict=True)
        if progress is not None:
            progress(start + len(block), len(missing))
    chunks = [
        NewChunk(piece.chunk, key, vectors[key], piece.parent)
        for piece, key in zip(pieces, keys, strict=True)
    ]
    return chunks, len(missing)
