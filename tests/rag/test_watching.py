"""What is retrieved is told to whoever watches the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from langchain_core.documents import Document

from agentlab import events, sequential
from agentlab.chains import aevents_of, events_of
from agentlab.rag import Index, create_fusion
from agentlab.recording import cassette
from tests.rag.conftest import WordEmbeddings


def count(values: dict[str, Any]) -> int:
    found: list[Document] = values["found"]
    return len(found)


def test_a_chain_tells_what_was_found(words: WordEmbeddings, tmp_path: Path) -> None:
    index = Index.from_texts(["cats purr", "dogs bark"], words, [{"n": 1}, {"n": 2}])
    retriever = (lambda values: values["question"]) | index.as_retriever(k=1)
    chain = sequential(found=retriever, count=count)
    for mode in ("once", "none"):
        with cassette(tmp_path / "run.jsonl", mode=mode):  # type: ignore[arg-type]
            told = list(chain.events({"question": "what do cats do"}))
        names = [events.name_of(event) for event in told]
        assert names.index("retrieved") < names.index("step_finished")
        (found,) = (event for event in told if isinstance(event, events.Retrieved))
        assert found.query == "what do cats do"
        (document,) = found.documents
        assert (document["text"], document["n"]) == ("cats purr", 1)
        assert document["id"]
        assert document["score"] > 0


async def test_a_retriever_inside_another_is_not_told(words: WordEmbeddings) -> None:
    index = Index.from_texts(["cats purr", "dogs bark"], words)
    both = create_fusion(index.as_retriever(), index.as_retriever(mode="keyword"), k=2)
    for told in (
        list(events_of(both, "cats")),
        [event async for event in aevents_of(both, "cats")],
        list(events_of(both, "cats", stream=False)),
    ):
        found = [event for event in told if isinstance(event, events.Retrieved)]
        assert [(event.query, len(event.documents)) for event in found] == [("cats", 2)]
