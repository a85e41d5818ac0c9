"""BM25's scores of a whole collection, in the form that bm25s searches.

bm25s computes them chunk by chunk in Python; here they are computed at once, so that adding a few
chunks to many costs little. The numbers are bm25s's own, to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

K1, B = 1.5, 0.75


def save_bm25(
    folder: Path,
    tokens: NDArray[np.int32],
    lengths: NDArray[np.int64],
    vocabulary: Mapping[str, int],
) -> None:
    """Write the index of chunks in ``folder``, to be read by ``bm25s.BM25.load``.

    Args:
        tokens: the numbers of the words of all chunks, one chunk after the other.
        lengths: how many words each chunk has; one at least has some.
        vocabulary: the number of each word.
    """
    import bm25s
    import numpy as np

    chunks, words = len(lengths), len(vocabulary)
    # A number a pair of word and chunk: sorted, they are the columns of the matrix.
    pairs = tokens.astype(np.int64)
    pairs *= chunks
    pairs += np.repeat(np.arange(chunks), lengths)
    pairs, counts = np.unique(pairs, return_counts=True)
    column, row = np.divmod(pairs, chunks)
    del pairs
    found_in = np.bincount(column, minlength=words)
    idf = np.log(1 + (chunks - found_in + 0.5) / (found_in + 0.5)).astype(np.float32)
    scores = K1 * (1 - B + B * lengths / lengths.mean())[row]
    scores += counts
    np.divide(counts, scores, out=scores)
    scores *= idf[column]

    index = bm25s.BM25(method="lucene", k1=K1, b=B)
    index.scores = {
        "data": scores.astype(np.float32),
        "indices": row.astype(np.int32),
        "indptr": np.concatenate([[0], np.cumsum(found_in)]),
        "num_docs": chunks,
    }
    index.nonoccurrence_array = None  # of other forms of BM25
    index.vocab_dict = {**vocabulary, "": words}  # bm25s looks for no word under ""
    index.save(folder, show_progress=False)
