"""A reranker whose scores are kept in a file, so that a long run can be stopped and go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agentlab import load_reranker


class KeptScores:
    """The reranker ``spec``; ``path`` is a JSONL file of what it scored before."""

    def __init__(self, path: Path, spec: str = "minilm") -> None:
        self._reranker = load_reranker(spec)
        self._path = path
        self._known: dict[str, float] = {}
        if path.is_file():
            self._known = dict(map(json.loads, path.read_text().splitlines()))

    @property
    def identity(self) -> dict[str, Any]:
        """Which model this is."""
        return dict(self._reranker.identity)  # type: ignore[attr-defined]

    def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        """One score a text; what is new is written at once."""
        keys = [hashlib.sha256(f"{query}\0{text}".encode()).hexdigest()[:24] for text in texts]
        missing = [i for i, key in enumerate(keys) if key not in self._known]
        fresh = self._reranker.rerank(query, [texts[i] for i in missing])
        with self._path.open("a") as file:
            for i, score in zip(missing, fresh, strict=True):
                self._known[keys[i]] = score
                file.write(json.dumps([keys[i], score]) + "\n")
        return [self._known[key] for key in keys]
