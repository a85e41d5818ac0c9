"""Embeddings and rerankers in GGUF files."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentlab import load_embeddings, load_reranker
from agentlab.errors import ChecksumError, ConfigError, ModelFileError, Offline, UnknownModel
from agentlab.models.box import box_model
from agentlab.offline import offline
from agentlab.rag import Index
from tests.support.gguf_writer import write_gguf

TEXTS = ["Cats purr.", "A dog barks at the door of the old mill.", "", "Zoë’s naïve café — 日本"]


@pytest.fixture
def spec() -> str:
    return f"gguf:{box_model()}"


@pytest.mark.model
def test_a_language_model_embeds(spec: str) -> None:
    model = load_embeddings(spec, cache=False, n_ctx=256)
    together = model.embed_documents(TEXTS)
    assert [len(vector) for vector in together] == [576] * 4
    assert np.linalg.norm(together[0]) == pytest.approx(1, abs=1e-6)
    # Whatever the batch, the order and the threads.
    assert [model.embed_documents([text])[0] for text in reversed(TEXTS)] == together[::-1]
    one = load_embeddings(spec, cache=False, n_ctx=256, n_threads=1)
    assert one.embed_documents(TEXTS[:2]) == together[:2]
    assert copy.deepcopy(model).embed_query(TEXTS[0]) == together[0]
    near, far = model.embed_documents(
        ["A cat makes a purring sound.", "The share price fell by four per cent today."]
    )
    assert np.dot(together[0], near) > np.dot(together[0], far)


@pytest.mark.model
def test_parameters(spec: str) -> None:
    plain = load_embeddings(spec, cache=False).embed_query("Cats purr.")
    last = load_embeddings(spec, cache=False, pooling="last", query_prefix="find: ")
    assert last.embed_query("Cats purr.") == last.embed_documents(["find: Cats purr."])[0] != plain
    short = load_embeddings(spec, cache=False, n_ctx=8)
    begin = "one two three four five six seven eight"
    assert short.embed_query(f"{begin} nine") == short.embed_query(f"{begin} ten")


@pytest.mark.model
def test_an_index(spec: str, tmp_path: Path) -> None:
    texts = ["The pump is in the cellar.", "Thirty days of leave a year."]
    index = Index.from_texts(texts, load_embeddings(spec), path=tmp_path / "ix")
    manifest = index.info["embeddings"]
    assert manifest["name"] == f"gguf:{box_model().name}"
    assert len(manifest["sha256"]) == 64
    assert manifest["spec"] == spec
    opened = Index.open(tmp_path / "ix")
    assert opened.search("Where is the pump?", k=1)[0].page_content == texts[0]
    elsewhere = tmp_path / box_model().name
    elsewhere.symlink_to(box_model())
    moved = Index.open(tmp_path / "ix", f"gguf:{elsewhere}")
    moved.add(["The mill is old."])
    assert len(moved) == 3
    with pytest.raises(ConfigError, match="built with the embeddings"):
        Index.open(tmp_path / "ix", "bge-small")


@pytest.mark.model
def test_any_model_reranks_by_the_likelihood_of_the_question(spec: str) -> None:
    texts = [
        "Shares fell by four per cent on Monday.",
        "The pump in the cellar is reset by pressing the red button twice.",
        "",
    ]
    reranker = load_reranker(spec, n_ctx=256)
    scores = reranker.rerank("How do I reset the pump in the cellar?", texts)
    assert max(range(3), key=scores.__getitem__) == 1
    assert all(0 <= score <= 1 for score in scores)
    assert reranker.rerank("How do I reset the pump in the cellar?", texts[1:2]) == [scores[1]]
    assert reranker.rerank("x", []) == []
    long = load_reranker(spec, n_ctx=64).rerank("pump?", ["word " * 200])
    assert 0 <= long[0] <= 1
    found = Index.from_texts(texts[:2]).search("Reset the pump?", k=2, rerank=reranker)
    assert found[0].page_content == texts[1]


@pytest.mark.parametrize("load", [load_embeddings, load_reranker])
def test_mistakes(load: Any, spec: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match=r"gone\.gguf"):
        load("gguf:gone.gguf")
    (tmp_path / "bad.gguf").write_bytes(b"<html>")
    with pytest.raises(ModelFileError):
        load(f"gguf:{tmp_path / 'bad.gguf'}")
    with pytest.raises(ConfigError, match="no parameter 'n_thread'"):
        load(spec, n_thread=1)
    with pytest.raises(ConfigError, match="'n_ctx' must be 1 or more, not 0"):
        load(spec, n_ctx=0)
    tiny = write_gguf(tmp_path / "tiny.gguf")
    with pytest.raises(ChecksumError):
        load(f"gguf:{tiny}", sha256="0" * 64)


def test_a_wrong_pooling(spec: str) -> None:
    with pytest.raises(ConfigError, match="'pooling' must be one of mean, cls, last"):
        load_embeddings(spec, pooling="median")


def test_nothing_is_read_in_replay() -> None:
    with offline():
        model = load_embeddings("gguf:gone.gguf")
        assert model.identity == {"name": "gguf:gone.gguf"}  # type: ignore[attr-defined]
        with pytest.raises(Offline):
            model.embed_query("x")
        with pytest.raises(Offline):
            load_reranker("gguf:gone.gguf").rerank("x", ["y"])


@pytest.mark.parametrize(
    ("name", "prefixes"),
    [
        ("nomic-embed-text-v1.5.Q8_0", ("search_query: ", "search_document: ")),
        ("multilingual-e5-small", ("query: ", "passage: ")),
        ("bge-base-en-v1.5", ("Represent this sentence for searching relevant passages: ", "")),
        ("some-other", ("", "")),
    ],
)
def test_known_prefixes(tmp_path: Path, name: str, prefixes: tuple[str, str]) -> None:
    model: Any = load_embeddings(f"gguf:{write_gguf(tmp_path / f'{name}.gguf')}", cache=False)
    assert model.prefixes == prefixes
    assert model.identity["query_prefix"] == prefixes[0]
