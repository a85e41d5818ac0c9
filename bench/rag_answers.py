"""How answers from the demo corpus come out: right, refused, wrong, and what they cite.

    python -m bench.rag_answers --model SPEC --results FILE.jsonl [--setting written --setting …]

The 60 questions of the corpus and 15 that it does not answer, some of which it nearly does, in a
fixed random order, all settings of one question after each other. What is in FILE is not asked
again, so a run can be stopped and gone on with; the table is of what is there.

settings: ``plain`` (no reranker), ``read`` (a local model has to answer where the reranker finds
the answer), ``else`` (the default, and a quote where the model finds none), ``always`` (quotes
alone). The table has one more: ``checked``, the default. It is ``read``, less what the check of
relevance, asked in the same run, refuses: the same answers with and without it.

An answer is right when it has 60% of the words of the known one and all its numbers; where there is
none, when it says so. Citation precision is the share of the cited documents that are judged to
hold the answer or a part of it, of the answers that cite.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentlab import load_model
from agentlab.evaluation.demo import demo_documents, demo_qrels, demo_queries
from agentlab.rag import Index, create_rag
from agentlab.rag.citing import NOT_FOUND
from agentlab.rag.forms import without_marks
from agentlab.rag.quoting import support
from agentlab.rag.relevance import ENOUGH

UNANSWERABLE = (
    "How many days of leave do I get when I move house?",
    "What is the name of Piotr Kowalski's wife?",
    "How much did Christopher Nolan earn for Interstellar?",
    "Which company sells the coffee in the canteen?",
    "How many moons does Venus have?",
    "What is the phone number of Marlow Joinery?",
    "Who won the chess world championship in 2021?",
    "At what temperature does silver melt?",
    "Does the company pay for a gym?",
    "What colour is the logo of Halden Tools?",
    "How long is the Amazon river?",
    "Which customer is in Australia?",
    "Who invented the telephone?",
    "What is the dress code on Fridays?",
    "How do I bake a sourdough bread?",
)
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {"reranker": None, "min_relevance": None},
    "read": {"min_relevance": 1e-9},
    "else": {"quote": "else"},
    "always": {"quote": "always"},
}


@dataclass(frozen=True)
class Question:
    """A question with its right answer, None where the documents do not say."""

    id: str
    text: str
    answer: str | None


def questions() -> list[Question]:
    """All of them, shuffled."""
    found = [
        Question(query.id, query.text, query.answers[0] if query.answers else None)
        for query in demo_queries().values()
    ]
    found += [Question(f"u{n:02}", text, None) for n, text in enumerate(UNANSWERABLE, 1)]
    random.Random(3).shuffle(found)
    return found


def graded(question: Question, result: dict[str, Any]) -> dict[str, Any]:
    """What came of one answer."""
    text = without_marks(result["answer"])
    refused = text == NOT_FOUND
    if question.answer is None:
        right = refused
    else:
        right = not refused and support(question.answer, [text]) >= 0.6
    relevant = {d for d, grade in demo_qrels().get(question.id, {}).items() if grade >= 1}
    cited = {citation["id"] for citation in result["citations"]}
    return {
        "outcome": "right" if right else "refused" if refused else "wrong",
        "precision": len(cited & relevant) / len(cited) if cited else None,
        "quoted": result["quoted"],
        "answer": result["answer"],
        "relevance": result["relevance"],
    }


def run(options: argparse.Namespace, settings: list[str]) -> None:
    """Ask what is not in the results yet, some at once."""
    results: Path = options.results
    known = {(row["id"], row["setting"]) for row in rows(results)}
    retriever = Index.from_documents(demo_documents()).as_retriever(k=options.k, mode="hybrid")
    together: dict[str, Any] = {"parallel": options.parallel} if options.parallel > 1 else {}
    model = load_model(options.model, **together)
    rags = {name: create_rag(model, retriever, **SETTINGS[name]) for name in settings}
    lock = threading.Lock()

    def ask(asked: tuple[Question, str]) -> None:
        question, name = asked
        began = time.perf_counter()
        row = graded(question, rags[name].invoke(question.text))
        seconds = round(time.perf_counter() - began, 1)
        row = {"id": question.id, "setting": name, "seconds": seconds, **row}
        row["answerable"] = question.answer is not None
        with lock, results.open("a") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

    pairs = itertools.product(questions()[: options.first], settings)
    left = [pair for pair in pairs if (pair[0].id, pair[1]) not in known]
    with ThreadPoolExecutor(max(1, options.parallel)) as pool:
        list(pool.map(ask, left))


def rows(results: Path) -> Iterator[dict[str, Any]]:
    """What is in ``results``."""
    if results.exists():
        yield from map(json.loads, results.read_text().splitlines())


def checked(row: dict[str, Any]) -> dict[str, Any]:
    """What the default makes of an answer that was not refused yet."""
    if row["relevance"] is None or row["relevance"] >= ENOUGH:
        return {**row, "setting": "checked"}
    outcome = "refused" if row["answerable"] else "right"
    return {**row, "setting": "checked", "outcome": outcome, "precision": None}


def table(results: Path) -> None:
    """Print a row a setting."""
    print(
        "| setting | questions | right | refused | wrong | none: refused | answered | precision |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    every = list(rows(results))
    every += [checked(row) for row in every if row["setting"] == "read"]
    for name in (*SETTINGS, "checked"):
        there = [row for row in every if row["setting"] == name]
        asked = [row for row in there if row["answerable"]]
        none = [row for row in there if not row["answerable"]]
        counts = [sum(row["outcome"] == o for row in asked) for o in ("right", "refused", "wrong")]
        refused = sum(row["outcome"] == "right" for row in none)
        cited = [row["precision"] for row in asked if row["precision"] is not None]
        mean = f"{sum(cited) / len(cited):.2f}" if cited else "-"
        if there:
            cells = [len(asked), *counts, refused, len(none) - refused, mean]
            print(f"| {name} | {' | '.join(map(str, cells))} |")


def main() -> None:
    """Ask, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.rag_answers")
    parser.add_argument("--model", default="smollm2", help="a model's spec (smollm2)")
    parser.add_argument("--results", type=Path, required=True, help="the answers, as JSON lines")
    parser.add_argument("--setting", action="append", choices=list(SETTINGS))
    parser.add_argument("--k", type=int, default=3, help="documents a question (3)")
    parser.add_argument("--first", type=int, default=75, help="how many questions (75: all)")
    parser.add_argument("--parallel", type=int, default=1, help="questions at once (1)")
    parser.add_argument("--table", action="store_true", help="only print what is there")
    options = parser.parse_args()
    if not options.table:
        settings = options.setting or list(SETTINGS)
        run(options, settings)
    table(options.results)


if __name__ == "__main__":
    main()
