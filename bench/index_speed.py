"""What embedding and searching cost, beside the bare libraries.

``python -m bench.index_speed [--sizes 1000 100000 1000000] [--dimensions 384]``: texts a second a
core beside onnxruntime alone; search beside bare faiss (flat, and the same kind as ours) and bm25s;
memory, the time to open, and what adding 1% costs. Vectors are random and texts are made of random
words. CPU seconds, since a busy machine is no reason to blame either; one thread. Prints Markdown.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from agentlab.rag import Index
from bench.measure import side_by_side
from bench.report import machine

_WORDS, _VOCABULARY = 40, 50_000
_QUESTIONS = 60
_clock = time.process_time


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.index_speed")
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--dimensions", type=int, default=384)
    parser.add_argument("--texts", type=int, default=40, help="0: embed nothing")
    parser.add_argument("--kind", default="auto", help="flat, hnsw, ivf, or auto by the size")
    options = parser.parse_args()
    print(f"{machine()}\n")
    if options.texts:
        embedding(options.texts)
    for size in options.sizes:
        searching(size, options.dimensions, options.kind)


def embedding(count: int) -> None:
    """Texts a second of one core, ours and onnxruntime alone, with the same model file."""
    import onnxruntime
    from tokenizers import Tokenizer

    from agentlab.models._box_texts import BGE_SMALL
    from agentlab.models.embeddings import load_embeddings

    texts = [_text(np.random.default_rng(n), 120) for n in range(count)]
    model, tokenizer_file = BGE_SMALL.files()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), settings)
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.no_padding()
    tokenizer.enable_truncation(512)
    names = [i.name for i in session.get_inputs()]

    def bare(_round: int) -> None:
        for text in texts:
            found = tokenizer.encode(text)
            parts = {"input_ids": found.ids, "attention_mask": found.attention_mask,
                     "token_type_ids": found.type_ids}  # fmt: skip
            session.run(None, {n: np.array([parts[n]], np.int64) for n in names})

    own = load_embeddings("bge-small", cache=False, n_threads=1)
    cached = load_embeddings("bge-small", n_threads=1)

    def first_time(number: int) -> None:  # texts that the cache has not seen
        cached.embed_documents([f"{number} {os.getpid()} {text}" for text in texts])

    print("| embedding, one core | ours, texts/s | onnxruntime, texts/s | ratio | target |")
    print("| --- | ---: | ---: | ---: | --- |")
    ways: list[tuple[str, Callable[[int], object]]] = [
        ("without the cache", lambda _: own.embed_documents(texts)),
        ("with the cache, all new", first_time),
    ]
    for name, ours in ways:
        mine, theirs, _ = side_by_side(ours, bare, 7, _clock)
        ratio = statistics.median(b / a for a, b in zip(mine, theirs, strict=True))
        verdict = "met" if ratio > 0.95 else "**missed**"
        speeds = [f"{count / statistics.median(seconds):.1f}" for seconds in (mine, theirs)]
        print(
            f"| {name} | {' | '.join(speeds)} | {ratio:.3f} | above 0.95: {verdict} |", flush=True
        )
    print()


class _Random(Embeddings):
    """Random vectors, at no cost, so that only the index is measured."""

    batch = 20_000

    def __init__(self, dimensions: int) -> None:
        self._random = np.random.default_rng(0)
        self._dimensions = dimensions

    def _vectors(self, count: int) -> NDArray[np.float32]:
        return self._random.standard_normal((count, self._dimensions), dtype=np.float32)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return list(self._vectors(len(texts)))  # type: ignore[arg-type]

    def embed_query(self, text: str) -> list[float]:
        random = np.random.default_rng(len(text))
        return random.standard_normal(self._dimensions).tolist()  # type: ignore[no-any-return]


def searching(size: int, dimensions: int, asked: str) -> None:
    """All of one size: build, open, search, add."""
    import faiss

    faiss.omp_set_num_threads(1)
    model = _Random(dimensions)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index"
        built, disk = _built(size, model, path, asked)
        gc.collect()
        before = _memory()
        index, opened = _timed(lambda: Index.open(path, model))
        kind = index.info["kind"]
        print(f"| {size:,} chunks of {_WORDS} words, {dimensions} numbers ({kind}) | |")
        print(f"| --- | ---: |\n| build, without embedding | {built:,.1f} s |")
        print(f"| open | {1000 * opened:,.0f} ms |")
        index.search("w1 w2", mode="hybrid")
        print(f"| on disk | {disk:,.0f} MB |")
        print(f"| memory once searched | {_memory() - before:,.0f} MB |", flush=True)
        for name, value in _latencies(index, kind):
            print(f"| {name} | {value} |", flush=True)
        more = max(1, size // 100)
        fresh = list(_documents(size, more))
        _, added = _timed(lambda: index.add(fresh))
        share = f"{added / built:.1%} of the build"
        print(f"| add {more:,} (1%) | {added:,.2f} s: {share} |\n", flush=True)


def _built(size: int, model: Embeddings, path: Path, kind: str) -> tuple[float, float]:
    """CPU seconds, and MB on disk; the documents go with this function."""
    documents = list(_documents(0, size))
    index, built = _timed(lambda: Index.from_documents(documents, model, path=path, kind=kind))
    return built, index.info["bytes"] / 1e6


def _latencies(index: Index, kind: str) -> Iterator[tuple[str, str]]:
    import bm25s
    import faiss

    from agentlab.rag.keyword import words

    snapshot = index._open()
    array = snapshot.vectors.array
    asked = [_text(np.random.default_rng(10**6 + n), 6) for n in range(_QUESTIONS)]
    vectors = np.array([index.embeddings.embed_query(a) for a in asked], np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    bare = index._open().vectors._faiss()  # the very structure, searched without us
    parameters = snapshot.vectors._parameters(None, 50)
    found = {
        mode: _median(lambda n, mode=mode: index.search(asked[n], k=10, mode=mode))  # type: ignore[misc]
        for mode in ("dense", "keyword", "hybrid")
    }
    inner = [
        _median(lambda n: snapshot.vectors.search(vectors[n].tolist(), 50)),
        _median(lambda n: bare.search(vectors[n : n + 1], 50, params=parameters)),
    ]
    yield "dense: 50 candidates, ours beside bare faiss", _beside(*inner)
    if kind != "flat":
        exact = faiss.IndexFlatIP(array.shape[1])
        exact.add(np.ascontiguousarray(array))
        yield (
            "exact search, bare faiss",
            f"{1000 * _median(lambda n: exact.search(vectors[n : n + 1], 50)):,.2f} ms",
        )
        hits = [
            len(
                set(exact.search(v[None], 10)[1][0])
                & {r for r, _ in snapshot.vectors.search(v.tolist(), 10)}
            )
            for v in vectors
        ]
        yield "of the 10 nearest, found (random vectors, the hardest)", f"{np.mean(hits) / 10:.2f}"
        del exact
    theirs = bm25s.BM25.load(
        snapshot.build.folder / "words" / "bm25", mmap=True, show_progress=False
    )
    tokens = [words(a) for a in asked]
    inner = [
        _median(lambda n: snapshot.words.search(asked[n], 50)),
        _median(lambda n: theirs.retrieve([tokens[n]], k=50, show_progress=False)),
    ]
    yield "keyword: 50 candidates, ours beside bare bm25s", _beside(*inner)
    for mode, seconds in found.items():
        yield f"search, {mode}, 10 documents", f"{1000 * seconds:,.2f} ms"


def _beside(ours: float, theirs: float) -> str:
    return f"{1000 * ours:,.2f} ms, {1000 * theirs:,.2f} ms ({ours / theirs:.2f})"


def _median(ask: Callable[[int], object]) -> float:
    """CPU seconds of a question, once all is warm."""
    ask(0)
    seconds = []
    for number in range(_QUESTIONS):
        began = _clock()
        ask(number)
        seconds.append(_clock() - began)
    return statistics.median(seconds)


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = _clock()
    found = work()
    return found, _clock() - began


def _documents(first: int, count: int) -> Iterator[Document]:
    for number in range(first, first + count):
        text = _text(np.random.default_rng(number), _WORDS)
        yield Document(page_content=text, metadata={"source": f"f{number // 10}"}, id=str(number))


def _text(random: np.random.Generator, count: int) -> str:
    """Words as frequent as Zipf's law has them."""
    numbers = (_VOCABULARY ** random.random(count)).astype(int)
    return " ".join(f"w{number}" for number in numbers)


def _memory() -> float:
    """Resident, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
