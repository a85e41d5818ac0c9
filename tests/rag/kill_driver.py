"""Writers to be killed: for every number read, a fork that changes an index until it dies.

A fork each, as starting Python and importing LangChain takes seconds.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import bm25s  # noqa: F401 (imported once, not in every fork)
import faiss  # noqa: F401

from agentlab.rag import Index
from tests.rag.conftest import WordEmbeddings


def write(path: Path, start: int, said: int) -> None:
    """Add texts, and delete some, saying what is finished."""
    index = Index.open(path, WordEmbeddings())
    os.write(said, b"ready\n")
    for n in range(start, start + 10_000):
        index.add_texts([f"text {n}"], ids=[str(n)])
        if n % 3 == 0:
            index.delete([str(n - 1)])
        os.write(said, f"{n}\n".encode())


def main() -> None:
    path, said = Path(sys.argv[1]), sys.stdout.fileno()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            write(path, int(line), said)
        os.write(said, f"pid {child}\n".encode())
        os.waitpid(child, 0)
        os.write(said, b"dead\n")


if __name__ == "__main__":
    main()
