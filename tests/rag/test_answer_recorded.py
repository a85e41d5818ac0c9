"""Answers from documents, recorded and replayed: what was found, scored and said."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from agentlab import load_model
from agentlab.boundary import recordable
from agentlab.errors import Diverged
from agentlab.rag import Index, Rag, create_rag
from agentlab.recording import cassette, load
from tests.rag.conftest import WordEmbeddings
from tests.rag.test_reading import Scores

QUESTION = "Which fuse has the pump?"


class Opened(BaseRetriever):
    """Opens the index when it searches, so that a replay needs none."""

    path: str

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return Index.open(self.path, WordEmbeddings()).as_retriever(k=2).invoke(query)


@pytest.mark.model
def test_a_replay_needs_no_model_index_or_embeddings(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Index.from_files(folder, WordEmbeddings(), tmp_path / "index")
    file = tmp_path / "cassette.jsonl"

    def made() -> Rag:
        model = load_model("smollm2", temperature=0, seed=7, max_tokens=24)
        retriever = recordable(Opened(path=str(tmp_path / "index")))
        return create_rag(model, retriever, reranker=recordable(Scores("fuse")), quote="else")

    with cassette(file, mode="all") as tape:
        first = made().invoke(QUESTION)
    assert tape.live_calls == 3
    assert [step.kind for step in load(file).steps] == ["retrieve", "rerank", "model"]
    assert first["citations"]

    shutil.rmtree(tmp_path / "index")
    monkeypatch.setattr(Scores, "rerank", None)
    began = time.process_time()
    with cassette(file, mode="none") as tape:
        again = made().invoke(QUESTION)
    assert time.process_time() - began < 1
    assert (tape.live_calls, tape.replayed_calls) == (0, 3)
    for key in ("answer", "citations", "sentences", "documents", "quoted", "usage"):
        assert again[key] == first[key], key

    with cassette(file, mode="none") as tape:
        assert asyncio.run(made().ainvoke(QUESTION))["answer"] == first["answer"]

    with pytest.raises(Diverged) as error, cassette(file, mode="none"):
        made().invoke("When does it run?")
    assert error.value.drift is not None
    assert (error.value.drift.step, error.value.drift.kind) == (1, "retrieve")
