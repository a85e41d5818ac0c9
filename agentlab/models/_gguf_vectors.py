"""Embeddings and rerankers in GGUF files, on this machine, through llama.cpp.

A reranker is a file with a head that ranks, or any language model: then a text's score is how
likely the model thinks the question after it (Sachan et al., "Improving Passage Retrieval with
Zero-Shot Question Generation", EMNLP 2022).
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.embeddings import Embeddings

from agentlab import cancellation
from agentlab.errors import ConfigError
from agentlab.models._parameters import check_parameters
from agentlab.models.checksums import check_sha256, known_sha256
from agentlab.models.files import check_gguf
from agentlab.offline import is_offline, raise_if_offline

if TYPE_CHECKING:  # a replay never needs llama.cpp
    from agentlab.engine import Engine, Weights
    from agentlab.engine.embedding import Encoder

_BGE = "Represent this sentence for searching relevant passages: "
# What models were trained to see before questions and passages (their cards); by their names.
_PREFIXES = (
    (re.compile(r"nomic.?embed.?text"), "search_query: ", "search_document: "),
    (re.compile(r"\be5.?(small|base|large)"), "query: ", "passage: "),
    (re.compile(r"bge.?(small|base|large).?en"), _BGE, ""),
)
_POOLINGS = ("mean", "cls", "last")
_EMBEDDINGS = ("pooling", "query_prefix", "document_prefix")
_COMMON = ("n_ctx", "n_threads", "n_gpu_layers", "sha256")


class _File:
    """A GGUF file, loaded when it is first needed."""

    def __init__(self, path: Path, spec: str, params: Mapping[str, Any]) -> None:
        self.path = path
        self.spec = spec
        self.name = spec if spec.startswith("hf:") else f"gguf:{path.name}"
        for name in ("n_ctx", "n_threads"):
            value = params.get(name)
            if value is not None and (type(value) is not int or value < 1):
                raise ConfigError(f"{spec}: {name!r} must be 1 or more, not {value!r}")
        self._layers = params.get("n_gpu_layers")
        if not is_offline():
            self.header = check_gguf(path)
            if params.get("sha256") is not None:
                check_sha256(path, str(params["sha256"]), hint="download the file again")
        self._lock = threading.Lock()

    @property
    def pooling(self) -> int | None:
        """The number of its way of pooling, None where it says none."""
        found = self.header.metadata.get(f"{self.header.architecture}.pooling_type")
        return found if type(found) is int else None

    @property
    def identity(self) -> dict[str, Any]:
        """Its name and sha256; in replay the name alone."""
        if is_offline():
            return {"name": self.name}
        return {"name": self.name, "sha256": known_sha256(self.path)}

    def weights(self) -> Weights:
        """The loaded file, shared with the chat models of it."""
        raise_if_offline(f"load the model {self.name}")
        from agentlab.engine.loading import interruptible
        from agentlab.engine.weights import LoadOptions, load_weights

        options = LoadOptions(self._layers)
        return interruptible(lambda stop: load_weights(self.path, options, stop))

    def __deepcopy__(self, _memo: object) -> _File:
        return self


class GGUFEmbeddings(Embeddings):
    """The vectors, of length 1, that a GGUF model gives. Make it with ``load_embeddings``.

    A text's vector depends on nothing but the text: each is evaluated alone. What is beyond the
    model's context is not seen.
    """

    batch = 8

    def __init__(self, path: Path, spec: str, params: Mapping[str, Any]) -> None:
        check_parameters(params, (*_EMBEDDINGS, *_COMMON), spec)
        self.spec = spec
        self._file = _File(path, spec, params)
        self._given = dict(params)
        pooling = params.get("pooling")
        if pooling is not None and pooling not in _POOLINGS:
            raise ConfigError(f"{spec}: 'pooling' must be one of {', '.join(_POOLINGS)}")
        self._encoder: Encoder | None = None
        self._lock = threading.Lock()

    @property
    def identity(self) -> dict[str, Any]:
        """Which model this is, and how it embeds."""
        shape = {k: self._given[k] for k in ("pooling", "n_ctx") if self._given.get(k)}
        if is_offline():
            return {**self._file.identity, **shape}
        query, document = self.prefixes
        return {**self._file.identity, **shape, "query_prefix": query, "document_prefix": document}

    @property
    def prefixes(self) -> tuple[str, str]:
        """What goes before a question, and before a passage."""
        header = self._file.header
        names = " ".join(
            str(header.metadata.get(f"general.{k}", "")) for k in ("name", "basename", "size_label")
        )
        known = next(
            (p for p in _PREFIXES if p[0].search(f"{names} {header.path.stem}".lower())), None
        )
        query, document = known[1:] if known else ("", "")
        given = self._given
        return given.get("query_prefix", query), given.get("document_prefix", document)

    @property
    def encoder(self) -> Encoder:
        """The loaded model.

        Raises:
            ModelError, ModelFileError: llama.cpp refuses it.
            Offline: everything must come from a recording.
        """
        with self._lock:
            if self._encoder is None:
                from agentlab.engine.embedding import Encoder

                given = {k: self._given.get(k) for k in ("pooling", "n_ctx", "n_threads")}
                self._encoder = Encoder(self._file.weights(), **given)
            return self._encoder

    @property
    def max_tokens(self) -> int | None:
        """How much of a text is seen: three quarters of it, as tokens are estimated elsewhere."""
        if is_offline():
            return None
        seen = self._given.get("n_ctx") or min(self._file.header.context_length or 512, 2048)
        return int(seen) * 3 // 4

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text."""
        if not texts:
            return []
        prefix = self.prefixes[1]
        return [self._vector(prefix + text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        encoder = self.encoder
        return self._vector(self.prefixes[0] + text, encoder)

    def _vector(self, text: str, encoder: Encoder | None = None) -> list[float]:
        import numpy as np

        cancellation.raise_if_cancelled()
        model = encoder or self.encoder
        vector = model.run(model.tokens(text))
        length = float(np.linalg.norm(vector))
        unit: list[float] = (vector / length if length else vector).astype(np.float32).tolist()
        return unit

    def __deepcopy__(self, _memo: object) -> GGUFEmbeddings:
        return self


class GGUFReranker:
    """Scores of texts for a question, from 0 to 1, by a GGUF model. Make it with ``load_reranker``.

    A file with a head that ranks reads both together. Of any other model the score is the mean
    probability, by token (a geometric mean), of the question after the text.
    """

    def __init__(self, path: Path, spec: str, params: Mapping[str, Any]) -> None:
        check_parameters(params, _COMMON, spec)
        self.spec = spec
        self._file = _File(path, spec, params)
        self._given = dict(params)
        self._encoder: Encoder | None = None
        self._engine: Engine | None = None
        self._lock = threading.Lock()

    @property
    def identity(self) -> dict[str, Any]:
        """Which model this is."""
        return {**self._file.identity, **{k: v for k, v in self._given.items() if k == "n_ctx"}}

    def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        """One score a text, higher is better."""
        if not texts:
            return []
        raise_if_offline(f"load the model {self._file.name}")
        ranks = self._file.pooling == 4  # LLAMA_POOLING_TYPE_RANK
        score = self._ranked if ranks else self._likelihood
        found = []
        for text in texts:
            cancellation.raise_if_cancelled()
            found.append(score(query, text))
        return found

    def _ranked(self, query: str, text: str) -> float:
        with self._lock:
            if self._encoder is None:
                from agentlab.engine.embedding import Encoder

                given = {k: self._given.get(k) for k in ("n_ctx", "n_threads")}
                self._encoder = Encoder(self._file.weights(), pooling="rank", **given)
        encoder = self._encoder
        template = encoder.weights.metadata.get("tokenizer.chat_template.rerank", "")
        if template:
            whole = template.replace("{query}", query).replace("{document}", text)
            tokens = encoder.weights.tokenize(whole, special=True)[: encoder.n_ctx]
        else:
            tokens = encoder.pair(query, text)
        found = encoder.run(tokens)
        if len(found) > 1:  # yes and no: llama.cpp gives probabilities
            return float(found[0])
        return 1 / (1 + math.exp(-float(found[0])))

    def _likelihood(self, query: str, text: str) -> float:
        with self._lock:
            if self._engine is None:
                from agentlab.engine import ContextOptions, LoadOptions, open_engine

                options = ContextOptions(
                    n_ctx=self._given.get("n_ctx"), n_threads=self._given.get("n_threads")
                )
                load = LoadOptions(self._given.get("n_gpu_layers"))
                self._engine = open_engine(self._file.path, load, options)
        engine = self._engine
        weights = engine.weights
        question = weights.tokenize(f" {query.strip()}")
        before = weights.tokenize("Passage: ", add_bos=weights.adds_bos)
        after = weights.tokenize("\nA question that the passage answers:")
        room = engine.n_ctx - len(before) - len(after) - len(question)
        passage = weights.tokenize(text)[: max(room, 0)]
        score = engine.score([*before, *passage, *after], question)
        return math.exp(sum(score.logprobs) / max(len(score.logprobs), 1))

    def __deepcopy__(self, _memo: object) -> GGUFReranker:
        return self


def find_file(spec: str) -> Path:
    """The file that ``gguf:PATH`` or ``hf:REPO:PATTERN`` means; of the hub it is fetched."""
    from agentlab.models import _hub_file

    kind, _, name = spec.partition(":")
    return _hub_file(spec) if kind == "hf" else Path(name).expanduser()
