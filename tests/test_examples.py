"""Every script in examples/ runs, and shows what it says it shows."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from tests.support import cohere_server as cohere_support
from tests.support.cohere_server import CohereServer

EXAMPLES = Path(__file__).parents[1] / "examples"

# What each writes, whatever the model says.
SHOWN = {
    "advanced_rag": ["  multi-query: ", "flowchart TD", "-> film"],
    "agent": [" calls, cut short: "],
    "chat": ["8 messages in the history"],
    "drift": [
        "replayed by vcrpy:    passed  repair",
        "differ in body",
        "replayed by agentlab: FAILED",
        "prompt edited at step 1 of 1 (model openai:demo)",
        "billing, [-repair-]{+refund+} or other.",
    ],
    "mindmeld": ["[name] ", "[slogan] ", "[pitch] "],
    "modular_summary": ["[Clear and neutral.] ", "[As for a child.] "],
    "product": [],
    "rag": [
        "27 days",
        "[1] handbook/holiday.md:0-47: Each employee has 27 days of paid leave a year.",
    ],
    "reasoning": ["screeg: ", "| answer: ", "votes: {", "'name': 'Brina'", "slogan: "],
    "rpg_character": ["by example: ", "by grammar: {'description': ", "'weapon': "],
    "search": ["3 files, 5 chunks, 5 embedded", "one more: 1 embedded", "('pump.md', 0, 64)"],
    "story": ["[title] ", "[character] ", "[story] ", " tokens by 3 calls"],
    "structured": ["Character(name='Ada Wren', age=41, keeps="],
    "three_experts": ["thought: ", "answer: "],
    "tree_of_thought": ["Make 24 out of", "└─", "answer: ", "score: "],
}


HOSTED = {"rag_hosted"}  # run against a server on this machine, below


def test_every_example_is_run() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == SHOWN.keys() | HOSTED


@pytest.mark.model
@pytest.mark.parametrize("name", sorted(SHOWN))
def test_an_example(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", [name])
    runpy.run_path(str(EXAMPLES / f"{name}.py"))
    out = capsys.readouterr().out
    assert out.strip()
    for text in SHOWN[name]:
        assert text in out


def test_a_cited_answer_by_hosted_models(
    cohere_server: CohereServer, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def other(request: Any) -> Any:
        if request.path == "/v2/embed":
            return {"embeddings": {"float": [[1.0, float(len(t))] for t in request.body["texts"]]}}
        texts = request.body["documents"]
        scores = [float("165 million" in text) for text in texts]
        return {"results": [{"index": n, "relevance_score": s} for n, s in enumerate(scores)]}

    answer = "Interstellar cost about 165 million US dollars."
    source = {"type": "document", "id": "1", "document": {"text": "x"}}
    cited = {"start": 0, "end": len(answer), "text": answer, "sources": [source]}
    monkeypatch.setattr(cohere_support, "CITATION", cited)
    monkeypatch.setattr(cohere_server, "other", other)
    monkeypatch.setattr("sys.argv", ["rag_hosted.py", cohere_server.url])
    cohere_server.reply(answer)
    runpy.run_path(str(EXAMPLES / "rag_hosted.py"))
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "Interstellar cost about 165 million US dollars [1]."
    assert out[1].startswith("[1] film/money.md:")
    assert "The film cost about 165 million US dollars to make." in out[1]
    paths = [request.path for request in cohere_server.requests]
    assert paths == ["/v2/embed", "/v2/embed", "/v2/rerank", "/v2/chat"]
