"""``load_embeddings``: one spec, one LangChain ``Embeddings``.

========================  ==========================================================
``bge-small``             bge-small-en-v1.5 (384 numbers), the embeddings in the box
``gguf:PATH``             a GGUF model of embeddings, or any other, on this machine
``hf:REPO:PATTERN``       a GGUF file from the hub
``openai:NAME``           OpenAI, or a compatible server by ``base_url``
``cohere:NAME``           Cohere
========================  ==========================================================
"""

from __future__ import annotations

import difflib
from typing import Any

from langchain_core.embeddings import Embeddings

from agentlab.boundary import recordable
from agentlab.errors import ConfigError, UnknownModel
from agentlab.models import _onnx
from agentlab.models._box_texts import BGE_SMALL
from agentlab.models._parameters import check_parameters
from agentlab.models._vector_cache import VectorCache

BOX = BGE_SMALL.name
# What the model was trained to see before a question (its model card). Passages have no prefix.
QUERY_PREFIX = "Represent this sentence for searching relevant passages: "
_KINDS = ("openai", "cohere")
_FILES = ("gguf", "hf")


def load_embeddings(
    spec: str | Embeddings = BOX, *, cache: bool = True, **params: Any
) -> Embeddings:
    """The embeddings that ``spec`` names, crossing the boundary.

    Args:
        spec: see the module. Embeddings are returned as they are, made to cross the boundary.
        cache: keep the vectors of documents under the cache folder, by the text's hash, so that
            a text is embedded once. Queries are not kept.
        params: ``n_threads`` for the box (all cores by default; no influence on the vectors);
            ``pooling``, ``query_prefix``, ``document_prefix``, ``n_ctx``, ``n_threads``,
            ``n_gpu_layers`` and ``sha256`` for GGUF files (docs/embeddings.md);
            ``api_key``, ``base_url``, ``timeout``, ``max_retries``, ``dimensions`` for the others.

    Raises:
        UnknownModel: the spec names nothing known, or a file that is not there.
        ModelFileError, ChecksumError: the file is no GGUF model, or not the pinned one.
        MissingKey: a hosted model without its key.
        ConfigError: a parameter is unknown or wrong.
    """
    if not isinstance(spec, str):
        if params:
            raise ConfigError(f"embeddings that are given take no {next(iter(params))!r}")
        return recordable(spec)
    embeddings = _create(spec.strip(), params)
    return recordable(CachedEmbeddings(embeddings) if cache else embeddings)


def _create(spec: str, params: dict[str, Any]) -> Embeddings:
    if spec == BOX:
        check_parameters(params, ("n_threads",), BOX)
        return BoxEmbeddings(**params)
    kind, _, name = spec.partition(":")
    if kind in _KINDS and name.strip():
        from agentlab.models._hosted_vectors import create_embeddings

        return create_embeddings(kind, name.strip(), params)
    if kind in _FILES and name.strip():
        from agentlab.models._gguf_vectors import GGUFEmbeddings, find_file

        return GGUFEmbeddings(find_file(spec), spec, params)
    near = difflib.get_close_matches(kind.lower(), (BOX, *_KINDS, *_FILES), n=1)
    hint = f"did you mean {near[0]}{':NAME' if near[0] != BOX else ''}? " if near else ""
    raise UnknownModel(
        f"there are no embeddings {spec!r}",
        hint=f"{hint}use {BOX}, gguf:PATH, openai:text-embedding-3-small or cohere:embed-v4.0",
    )


class BoxEmbeddings(Embeddings):
    """bge-small-en-v1.5, 8-bit, on the CPU: 384 numbers, of length 1.

    The vector is that of the first token; questions get the prefix that the model was trained
    with. A text's vector depends on nothing but the text. What is beyond 512 tokens is not seen.
    Source: https://huggingface.co/BAAI/bge-small-en-v1.5.
    """

    dimensions = 384
    max_tokens = _onnx.MAX_TOKENS - 2  # of the text: two are the model's own
    batch = 16  # a second or two of work

    def __init__(self, n_threads: int | None = None) -> None:
        if n_threads is not None and (not isinstance(n_threads, int) or n_threads < 1):
            raise ConfigError(f"{BOX}: `n_threads` must be 1 or more, not {n_threads!r}")
        self.n_threads = n_threads

    @property
    def identity(self) -> dict[str, Any]:
        """Which model this is."""
        return {"name": BOX, "sha256": BGE_SMALL.model_sha256}

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text."""
        if not texts:
            return []
        model = _onnx.load(BGE_SMALL)
        return list(_onnx.each(lambda text: _unit(model.run(text)[0]), texts, self.n_threads))

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        return _unit(_onnx.load(BGE_SMALL).run(QUERY_PREFIX + text)[0])

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Where in ``text`` each of the model's tokens begins and ends."""
        return _onnx.load(BGE_SMALL).token_spans(text)


class CachedEmbeddings(Embeddings):
    """``inner`` with the vectors of documents kept in a file, by the text's hash.

    They are written as they come: an index build that was stopped goes on where it was.
    """

    def __init__(self, inner: Embeddings) -> None:
        self.inner = inner
        self._cache = VectorCache(self.identity)

    @property
    def identity(self) -> dict[str, Any]:
        """Which model this is."""
        return dict(getattr(self.inner, "identity", {}))

    @property
    def spec(self) -> str | None:
        """What it was loaded by, where its name alone does not say it."""
        return getattr(self.inner, "spec", None)

    @property
    def batch(self) -> int:
        """How many texts to embed before what came of it is kept and told."""
        return int(getattr(self.inner, "batch", 64))

    @property
    def max_tokens(self) -> int | None:
        """How much of a text the model sees, None where it is not known."""
        return getattr(self.inner, "max_tokens", None)

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """See :meth:`BoxEmbeddings.token_spans`; of hosted models, words and signs."""
        own = getattr(self.inner, "token_spans", None)
        return own(text) if own is not None else word_spans(text)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text."""
        known = self._cache.get(texts)
        missing = list(dict.fromkeys(text for text in texts if text not in known))
        for start in range(0, len(missing), self.batch):
            block = missing[start : start + self.batch]
            fresh = dict(zip(block, self.inner.embed_documents(block), strict=True))
            self._cache.put(fresh)
            known |= fresh
        return [known[text] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        return self.inner.embed_query(text)


def word_spans(text: str) -> list[tuple[int, int]]:
    """The words and signs of ``text``: about its tokens, for models whose tokens are not known."""
    import re

    return [m.span() for m in re.finditer(r"\w{1,8}|[^\w\s]", text)]


def _unit(vector: Any) -> list[float]:
    import numpy as np

    length = float(np.linalg.norm(vector))
    unit: list[float] = (vector / length if length else vector).astype(np.float32).tolist()
    return unit
