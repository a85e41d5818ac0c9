"""Vectors in a file of 32-bit floats, and FAISS over them.

All vectors have the length 1, so that the inner product is the cosine. ``flat`` looks at every
vector; ``hnsw`` walks a graph of neighbours and ``ivf`` looks into the nearest cells: both are fast
where there are very many, and now and then miss one.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from agentlab.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["auto", "flat", "hnsw", "ivf"]
KINDS: tuple[str, ...] = get_args(Kind)
FILE = "vectors.f32"
GRAPH = "neighbours.faiss"
_EXACT = 50_000  # so many vectors are looked at one by one, within a few milliseconds
_GRAPH = 500_000  # a graph of more takes long to build


def chosen(kind: str, count: int) -> str:
    """The kind of index for ``count`` vectors: ``kind``, or by their number for ``auto``.

    Raises:
        ConfigError: there is no such kind.
    """
    if kind not in KINDS:
        raise ConfigError(f"there is no index of the kind {kind!r}", hint=f"use {', '.join(KINDS)}")
    if kind != "auto":
        return kind
    return "flat" if count <= _EXACT else "hnsw" if count <= _GRAPH else "ivf"


def unit(vectors: Any) -> NDArray[np.float32]:
    """``vectors`` (one a row) at the length 1; one of zeros stays as it is.

    Raises:
        ConfigError: they are not numbers, or not all of one length.
    """
    import numpy as np

    try:
        array = np.ascontiguousarray(vectors, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the embeddings gave no vectors of one length: {error}") from error
    if array.ndim != 2 or not np.isfinite(array).all():
        raise ConfigError("the embeddings gave vectors that are not finite numbers")
    lengths = np.linalg.norm(array, axis=1, keepdims=True)
    lengths[lengths == 0] = 1
    return np.asarray(array / lengths, dtype=np.float32)


def opened(path: Path, dimensions: int) -> NDArray[np.float32]:
    """The vectors in a file, one a row: on disk, until they are looked at."""
    import numpy as np

    if path.stat().st_size == 0:
        return np.zeros((0, dimensions), np.float32)
    return np.memmap(path, dtype="<f4", mode="r").reshape(-1, dimensions)


class Vectors:
    """The vectors of one build, for searching."""

    def __init__(self, folder: Path, count: int, dimensions: int, kind: str) -> None:
        import numpy as np

        self.kind = kind
        self.array: NDArray[np.float32] = (
            np.memmap(folder / FILE, dtype="<f4", mode="r", shape=(count, dimensions))
            if count
            else np.zeros((0, dimensions), np.float32)
        )
        self._graph_file = folder / GRAPH
        self._index: Any = None
        self._lock = threading.Lock()

    def search(
        self, query: Sequence[float], k: int, rows: NDArray[np.int64] | None = None
    ) -> list[tuple[int, float]]:
        """The ``k`` nearest of ``rows`` (all by default) with their cosines, best first."""
        import numpy as np

        count, dimensions = self.array.shape
        if len(query) != dimensions:
            raise ConfigError(
                f"the question's vector has {len(query)} numbers, those of the index {dimensions}",
                hint="open the index with the embeddings it was built with",
            )
        vector = unit([query])
        k = min(k, count if rows is None else len(rows))
        if k <= 0:
            return []
        if rows is not None and len(rows) <= _EXACT:
            scores = self.array[rows] @ vector[0]
            best = np.argsort(-scores, kind="stable")[:k]
            return [(int(rows[i]), float(scores[i])) for i in best]
        scores, found = self._faiss().search(vector, k, params=self._parameters(rows, k))
        pairs = [
            (int(row), float(s)) for row, s in zip(found[0], scores[0], strict=True) if row >= 0
        ]
        return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))

    def _faiss(self) -> Any:
        faiss = _library()
        with self._lock:
            if self._index is None:
                if self.kind == "flat":
                    self._index = faiss.IndexFlatIP(self.array.shape[1])
                    self._index.add(self.array)
                else:
                    self._index = faiss.read_index(str(self._graph_file))
            return self._index

    def _parameters(self, rows: NDArray[np.int64] | None, k: int) -> Any:
        faiss = _library()
        chosen_rows = {} if rows is None else {"sel": faiss.IDSelectorBatch(rows)}
        if self.kind == "hnsw":
            return faiss.SearchParametersHNSW(efSearch=max(128, 2 * k), **chosen_rows)
        if self.kind == "ivf":
            return faiss.SearchParametersIVF(nprobe=max(8, self._index.nlist // 16), **chosen_rows)
        return faiss.SearchParameters(**chosen_rows)


def write_graph(
    folder: Path, array: NDArray[np.float32], kind: str, base: Path | None, known: int
) -> None:
    """Write the FAISS index of ``array``; ``base`` is one that holds its first ``known`` rows."""
    import numpy as np

    if kind == "flat":
        return
    faiss = _library()
    count, dimensions = array.shape
    if base is not None and base.is_file():
        index = faiss.read_index(str(base))
    elif kind == "hnsw":
        index, known = faiss.IndexHNSWFlat(dimensions, 32, faiss.METRIC_INNER_PRODUCT), 0
        index.hnsw.efConstruction = 200
    else:
        cells = max(1, min(int(4 * count**0.5), count // 39))  # FAISS asks for 39 a cell
        index = faiss.IndexIVFFlat(
            faiss.IndexFlatIP(dimensions), dimensions, cells, faiss.METRIC_INNER_PRODUCT
        )
        sample = np.linspace(0, count - 1, min(count, 64 * cells), dtype=np.int64)
        index.train(np.ascontiguousarray(array[sample]))
        known = 0
    if count > known:
        index.add(np.ascontiguousarray(array[known:]))
    faiss.write_index(index, str(folder / GRAPH))


def _library() -> Any:
    """FAISS, whose type hints leave out most of it."""
    import faiss

    return faiss
