"""A reranker reads the sentences: a local model must answer, or the best sentence is quoted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from agentlab import handling, load_model
from agentlab.boundary import Call, Handler
from agentlab.errors import ConfigError
from agentlab.events import Token
from agentlab.models.scripted import ScriptedChatModel
from agentlab.rag import create_rag
from agentlab.rag.citing import NOT_FOUND
from agentlab.rag.forms import grammar
from agentlab.rag.reading import SentenceReader
from agentlab.rag.sources import number
from agentlab.rag.techniques.steps import Steps
from agentlab.rag.techniques.technique import Found, Task, Technique

TEXT = "The pump runs at night. Its fuse is a 16 ampere one. Press the red button twice."
PUMP = Document(TEXT, id="p", metadata={"source": "house.md", "title": "The pump", "start": 100})
CATS = Document("Cats sleep all day.", id="c", metadata={"source": "cats.md"})
FUSE = "Its fuse is a 16 ampere one."


class Fixed(BaseRetriever):
    """Finds the same documents whatever is asked."""

    found: list[Document]

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return self.found


class Scores:
    """Scores a text by whether it has a word; keeps what it read."""

    def __init__(self, word: str = "fuse", high: float = 0.9) -> None:
        self.word, self.high = word, high
        self.read: list[str] = []

    def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        self.read += texts
        return [self.high if self.word in text else 0.1 for text in texts]


def silent() -> ScriptedChatModel:
    return ScriptedChatModel(replies=[{"say": '{"sentences": []}', "repeat": True}])


def test_the_best_sentence_is_found_below_its_title() -> None:
    scores = Scores()
    reader = SentenceReader(scores, "Which fuse?")
    sources = number([PUMP, CATS])
    best = reader.best(sources)
    assert best is not None
    assert (best.text, best.source.id, best.score, best.answers) == (FUSE, "p", 0.9, True)
    assert scores.read[1] == f"The pump\n{FUSE}"
    assert "Cats sleep all day." in scores.read
    assert reader.answering(sources) == [1]
    other = reader.best(sources[1:])  # nothing is read twice
    assert other is not None
    assert (other.text, other.answers) == ("Cats sleep all day.", False)
    assert len(scores.read) == 4
    assert SentenceReader(scores, "x").best([]) is None


def test_of_very_many_sentences_those_with_the_words_of_the_question() -> None:
    many = " ".join(f"Line {n} says nothing." for n in range(500)) + " A fuse has 16 amperes."
    scores = Scores()
    best = SentenceReader(scores, "How many amperes has it?").best(number([Document(many)]))
    assert best is not None
    assert best.text == "A fuse has 16 amperes."
    assert len(scores.read) == 100


def test_a_quote_where_the_model_finds_nothing() -> None:
    rag = create_rag(silent(), Fixed(found=[PUMP, CATS]), reranker=Scores(), quote="else")
    events = list(rag.stream("Which fuse?"))
    result = events[-1].value  # type: ignore[attr-defined]
    assert result["answer"] == f"The documents say: “{FUSE}” (The pump) [1]"
    assert "".join(e.text for e in events if isinstance(e, Token)) == result["answer"]
    assert result["quoted"]
    [citation] = result["citations"]
    start, end = citation["span"]
    assert TEXT[start - 100 : end - 100] == citation["quote"] == FUSE
    assert citation["sentence"] == len(result["sentences"]) - 1
    assert result["usage"]["model_calls"] == 1
    assert asyncio.run(rag.ainvoke("Which fuse?"))["answer"] == result["answer"]


def test_no_quote_without_need_or_answer() -> None:
    found = Fixed(found=[PUMP, CATS])
    low = create_rag(silent(), found, reranker=Scores(high=0.4), quote="else").invoke("x")
    assert (low["answer"], low["quoted"], low["citations"]) == (NOT_FOUND, False, [])
    never = create_rag(silent(), found, reranker=Scores()).invoke("Which fuse?")
    assert (never["answer"], never["quoted"]) == (NOT_FOUND, False)
    said = json.dumps({"sentences": [{"text": "The pump runs at night.", "sources": [1]}]})
    model = ScriptedChatModel(replies=[said])
    written = create_rag(model, found, reranker=Scores(), quote="else").invoke("When?")
    assert (written["answer"], written["quoted"]) == ("The pump runs at night [1].", False)


def test_unsupported_sentences_make_way_for_a_quote() -> None:
    said = json.dumps({"sentences": [{"text": "Bridges span wide rivers.", "sources": [1]}]})
    rag = create_rag(
        ScriptedChatModel(replies=[said]), Fixed(found=[PUMP]), reranker=Scores(), quote="else"
    )
    result = rag.invoke("Which fuse?")
    assert result["answer"].startswith("The documents say: “Its fuse")
    assert [s["supported"] for s in result["sentences"]] == [False, True]


def test_quotes_alone_ask_no_model() -> None:
    model = ScriptedChatModel(replies=["never"])
    rag = create_rag(model, Fixed(found=[PUMP]), reranker=Scores(), quote="always")
    result = rag.invoke("Which fuse?")
    assert result["answer"] == f"The documents say: “{FUSE}” (The pump) [1]"
    assert result["usage"]["model_calls"] == 0
    empty = create_rag(model, Fixed(found=[]), reranker=Scores(), quote="always").invoke("x")
    assert empty["answer"] == NOT_FOUND


def test_wrong_settings() -> None:
    found = Fixed(found=[])
    with pytest.raises(ConfigError, match="quote is never, else or always, not 'yes'"):
        create_rag(silent(), found, quote="yes")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="quotes need a reranker"):
        create_rag(silent(), found, reranker=None, quote="else")


def test_a_grammar_without_a_way_out() -> None:
    assert NOT_FOUND in grammar([1])
    assert "NONE" not in grammar([1], must=True)


@pytest.mark.model
def test_a_local_model_must_answer_where_the_reranker_finds_it() -> None:
    model = load_model("smollm2", temperature=0, max_tokens=16)
    found = Fixed(found=[PUMP])
    must = create_rag(model, found, reranker=Scores())
    free = create_rag(model, found, reranker=None)
    assert must.invoke("Which fuse is it?")["sentences"]
    assert NOT_FOUND in free.peek("Which fuse is it?")[0].text


class Seen(Handler):
    """Keeps the grammars that models are called with."""

    def __init__(self) -> None:
        self.grammars: list[str] = []

    def stream(self, call: Call, proceed: Any) -> Any:
        if call.kind == "model":
            self.grammars.append(call.arguments["lark"])
        yield from proceed()


class Joint(Technique):
    """Finds documents that answer only together."""

    def steps(self, task: Task) -> Steps[Found]:
        yield from ()
        return Found([PUMP, CATS], joint=True)


@pytest.mark.model
def test_of_joint_documents_each_may_be_cited() -> None:
    for retriever, offered in ((Fixed(found=[PUMP, CATS]), '"[1]"'), (Joint(), '"[1]" | "[2]"')):
        seen = Seen()
        with handling(seen):
            rag = create_rag(load_model("smollm2", max_tokens=1), retriever, reranker=Scores())
            rag.invoke("Which fuse is it?")
        assert f"source: {offered}\n" in seen.grammars[0]
        assert "NONE" not in seen.grammars[0]
