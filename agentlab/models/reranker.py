"""``load_reranker``: what reads a question and a text together, and says how well they fit.

========================  ==========================================================
``minilm``                ms-marco-MiniLM-L-12-v2, the cross-encoder in the box
``gguf:PATH``             a GGUF reranker, or any language model, on this machine
``hf:REPO:PATTERN``       a GGUF file from the hub
``cohere:NAME``           Cohere
========================  ==========================================================
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from typing import Any

from agentlab.boundary import Reranker, recordable
from agentlab.errors import ConfigError, UnknownModel
from agentlab.models import _onnx
from agentlab.models._box_texts import MINILM
from agentlab.models._parameters import check_parameters

BOX = MINILM.name


def load_reranker(spec: str | Reranker = BOX, **params: Any) -> Reranker:
    """The reranker that ``spec`` names, crossing the boundary.

    Args:
        spec: see the module. A reranker is returned as it is, made to cross the boundary.
        params: ``n_threads`` for the box; ``n_ctx``, ``n_threads``, ``n_gpu_layers`` and
            ``sha256`` for GGUF files; ``api_key``, ``base_url``, ``timeout`` and
            ``max_retries`` for Cohere.

    Raises:
        UnknownModel: the spec names nothing known, or a file that is not there.
        ModelFileError, ChecksumError: the file is no GGUF model, or not the pinned one.
        MissingKey: Cohere without its key.
        ConfigError: a parameter is unknown or wrong.
    """
    if not isinstance(spec, str):
        if params:
            raise ConfigError(f"a reranker that is given takes no {next(iter(params))!r}")
        return recordable(spec)
    spec = spec.strip()
    if spec == BOX:
        check_parameters(params, ("n_threads",), BOX)
        return recordable(BoxReranker(**params))
    kind, _, name = spec.partition(":")
    if kind == "cohere" and name.strip():
        from agentlab.models._hosted_vectors import create_reranker

        return recordable(create_reranker(name.strip(), params))
    if kind in ("gguf", "hf") and name.strip():
        from agentlab.models._gguf_vectors import GGUFReranker, find_file

        return recordable(GGUFReranker(find_file(spec), spec, params))
    near = difflib.get_close_matches(kind.lower(), (BOX, "cohere", "gguf", "hf"), n=1)
    hint = f"did you mean {near[0]}{':NAME' if near[0] != BOX else ''}? " if near else ""
    raise UnknownModel(
        f"there is no reranker {spec!r}", hint=f"{hint}use {BOX}, gguf:PATH or cohere:rerank-v3.5"
    )


class BoxReranker:
    """ms-marco-MiniLM-L-12-v2, 8-bit, on the CPU: a probability between 0 and 1.

    A score depends on nothing but its question and text; of long texts the end is not seen (512
    tokens together). Source: https://huggingface.co/cross-encoder/ms-marco-MiniLM-L12-v2.
    """

    def __init__(self, n_threads: int | None = None) -> None:
        if n_threads is not None and (not isinstance(n_threads, int) or n_threads < 1):
            raise ConfigError(f"{BOX}: `n_threads` must be 1 or more, not {n_threads!r}")
        self.n_threads = n_threads

    @property
    def identity(self) -> dict[str, Any]:
        """Which model this is."""
        return {"name": BOX, "sha256": MINILM.model_sha256}

    def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        """One score a text, higher is better."""
        if not texts:
            return []
        model = _onnx.load(MINILM)

        def score(text: str) -> float:
            return 1 / (1 + math.exp(-float(model.run(query, text)[0])))

        return list(_onnx.each(score, texts, self.n_threads))
