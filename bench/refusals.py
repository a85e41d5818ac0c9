"""How well a model tells sentences that answer a question from near misses.

    python -m bench.refusals --model SPEC [--parallel 12]

38 questions that the documents of ``refusals.json`` answer and 40 that they nearly do. Of the three
documents that are found, the sentence that the reranker finds best is what the model is shown, as
the answer of a grounded answer would be. The threshold of :mod:`agentlab.rag.relevance` was chosen
here; the questions of ``bench.rag_answers`` had no part in it.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from langchain_core.documents import Document

from agentlab import load_model
from agentlab.models.reranker import load_reranker
from agentlab.rag import Index
from agentlab.rag.reading import SentenceReader
from agentlab.rag.relevance import ENOUGH, Relevance
from agentlab.rag.sources import number

_KINDS = ("answerable", "nearly")


def main() -> None:
    """Print a row a way of telling: how many of each kind lie above its threshold."""
    parser = argparse.ArgumentParser(prog="python -m bench.refusals")
    parser.add_argument("--model", required=True, help="a local model's spec")
    parser.add_argument("--parallel", type=int, default=1, help="questions at once (1)")
    options = parser.parse_args()
    data = json.loads(Path(__file__).with_name("refusals.json").read_text())
    documents = [
        Document(text, id=title, metadata={"title": title})
        for title, text in data["documents"].items()
    ]
    retriever = Index.from_documents(documents).as_retriever(k=3, mode="hybrid")
    reranker = load_reranker("minilm")
    together: dict[str, Any] = {"parallel": options.parallel} if options.parallel > 1 else {}
    relevance = Relevance(load_model(options.model, **together), ENOUGH)

    def scored(question: str) -> tuple[float, float]:
        best = SentenceReader(reranker, question).best(number(retriever.invoke(question)))
        if best is None:
            return 0.0, 0.0
        cited = [{"title": best.source.title, "quote": best.text}]
        return best.score, relevance.of(question, cited)

    print(f"| above the threshold | {' | '.join(_KINDS)} |\n| --- | ---: | ---: |")
    with ThreadPoolExecutor(max(1, options.parallel)) as pool:
        scores = {kind: list(pool.map(scored, data[kind])) for kind in _KINDS}
    for which, (name, least) in enumerate((("reranker", 0.5), ("yes or no", ENOUGH))):
        cells = [
            f"{sum(pair[which] >= least for pair in scores[kind])} of {len(scores[kind])}"
            for kind in _KINDS
        ]
        print(f"| {name} ({least}) | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
