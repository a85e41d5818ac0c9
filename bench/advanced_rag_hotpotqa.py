"""HotpotQA, its paragraphs pooled: evidence and answers of each way to search."""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.documents import Document
from langchain_core.runnables import RunnableLambda

from agentlab import load_model
from agentlab.chains.usage import UsageCounter
from agentlab.evaluation.matching import exact_match, token_f1
from agentlab.rag import Index, create_rag
from agentlab.rag.techniques import Technique, as_text, compose

K, READ = 10, 4
_TECHNIQUES: dict[str, Any] = {
    "plain": "simple",
    "rewrite": ["rewrite"],
    "multi-query": ["multi-query"],
    "links": ["links"],
    "multi-hop": [{"multi-hop": {"k": K}}],
    "two-hop": [{"multi-hop": {"k": K, "max_hops": 2}}],
    "auto": ["auto"],
}


def read(folder: Path) -> tuple[list[dict[str, Any]], Index]:
    """The questions, and an index of all their paragraphs, each once."""
    rows = [json.loads(line) for line in (folder / "train_distractor_100.jsonl").open()]
    documents: dict[str, Document] = {}
    for row in rows:
        for title, sentences in row["context"]:
            text = "".join(sentences).strip()
            documents.setdefault(title, Document(text, id=title, metadata={"title": title}))
    return rows, Index.from_documents(list(documents.values()))


def gold_of(row: dict[str, Any]) -> set[str]:
    """The titles of the paragraphs that hold the answer together."""
    return {title for title, _ in row["supporting_facts"]}


def measure_search(folder: Path) -> None:
    """What retrieval alone finds, by kind of question."""
    rows, index = read(folder)
    print("| kind | questions | way | all gold in the top 10 | recall@5 |")
    print("| --- | ---: | --- | ---: | ---: |")
    for kind in ("bridge", "comparison"):
        for mode in ("dense", "hybrid"):
            retriever = index.as_retriever(k=K, mode=mode)
            chosen = [row for row in rows if row["type"] == kind]
            found = [[d.id for d in retriever.invoke(row["question"])] for row in chosen]
            whole = [gold_of(r) <= set(f) for r, f in zip(chosen, found, strict=True)]
            recall = [
                len(gold_of(r) & set(f[:5])) / len(gold_of(r))
                for r, f in zip(chosen, found, strict=True)
            ]
            print(f"| {kind} | {len(chosen)} | {mode} | {np.mean(whole):.2f} | "
                  f"{np.mean(recall):.2f} |", flush=True)  # fmt: skip


def measure_answers(options: argparse.Namespace) -> None:
    """Ask each question in each way; a line of JSON for each, those that are there left out.

    First all are searched, then all are answered: a local model keeps the beginning of a prompt.
    Questions come in an order drawn once; the first 28 bridge questions were looked at while the
    techniques were made, so ``--after`` leaves them out.
    """
    rows, index = read(options.data / "hotpotqa")
    chosen = [row for row in rows if row["type"] == options.kind]
    random.Random(7).shuffle(chosen)
    model = load_model(options.model, temperature=0, seed=7)
    retriever = index.as_retriever(k=K, mode="dense")
    for stage in options.stages:
        lines = {(line["stage"], line["way"], line["id"]): line for line in _lines(options.out)}
        for way in options.ways:
            find = _finder(way, model, retriever)
            for row in chosen[options.after :][: options.n]:
                if (stage, way, row["_id"]) in lines:
                    continue
                if stage == "search":
                    measured = _searched(row, find)
                else:
                    found = lines["search", way, row["_id"]]["found"]
                    measured = _answered(row, model, index.get_by_ids(found[:READ]))
                line = {"stage": stage, "way": way, "id": row["_id"], "kind": row["type"]}
                with options.out.open("a") as file:
                    file.write(json.dumps({**line, **measured}, ensure_ascii=False) + "\n")
    report(options.out)


def _finder(way: str, model: Any, retriever: Any) -> Any:
    """What searches in this way: a technique, or a function of another library's."""
    if way not in _TECHNIQUES:
        from bench.advanced_rag_others import finder

        return finder(way, model, retriever)
    return compose(model, retriever, _TECHNIQUES[way])


def _searched(row: dict[str, Any], find: Any) -> dict[str, Any]:
    counter = UsageCounter()
    began = time.perf_counter()
    config: Any = counter.attached_to({})
    if isinstance(find, Technique):
        result = find.search(row["question"], config)
        documents, plan = result.documents, as_text(result.plan)
    else:
        documents, plan = find(row["question"], config)
    found, gold, usage = [d.id for d in documents], gold_of(row), counter.usage
    return {
        "all_gold@10": float(gold <= set(found[:K])),
        "all_gold@5": float(gold <= set(found[:5])),
        "all_gold@4": float(gold <= set(found[:READ])),
        "recall@5": len(gold & set(found[:5])) / len(gold),
        "calls": usage.model_calls,
        "tokens": usage.input_tokens + usage.output_tokens,
        "seconds": time.perf_counter() - began,
        "found": found,
        "plan": plan,
    }


def _answered(row: dict[str, Any], model: Any, documents: Sequence[Document]) -> dict[str, Any]:
    began = time.perf_counter()
    found = RunnableLambda(lambda question: list(documents))
    result = create_rag(model, found).invoke(row["question"])
    gold, cited = gold_of(row), {citation["id"] for citation in result["citations"]}
    text = " ".join(sentence["text"] for sentence in result["sentences"])
    return {
        "em": exact_match(text, [row["answer"]]),
        "contains": float(row["answer"].casefold() in text.casefold()),
        "f1": token_f1(text, [row["answer"]]),
        "cited_recall": len(cited & gold) / len(gold),
        "cited_precision": len(cited & gold) / len(cited) if cited else 0.0,
        "calls": result["usage"]["model_calls"],
        "tokens": result["usage"]["input_tokens"] + result["usage"]["output_tokens"],
        "seconds": time.perf_counter() - began,
        "answer": result["answer"],
        "wanted": row["answer"],
    }


_FOUND = ("all_gold@10", "all_gold@5", "all_gold@4", "recall@5", "calls", "tokens", "seconds")
_SAID = ("em", "contains", "f1", "cited_recall", "cited_precision", "calls", "tokens", "seconds")


def report(out: Path) -> None:
    """The tables of what was asked so far, with 95% bootstrap intervals."""
    for stage, measures in (("search", _FOUND), ("answer", _SAID)):
        lines = [line for line in _lines(out) if line["stage"] == stage]
        print(f"\n{stage}\n\n| kind | way | questions | {' | '.join(measures)} |")
        print(f"| --- | --- | ---: | {' | '.join(['---:'] * len(measures))} |")
        for kind, way in dict.fromkeys((line["kind"], line["way"]) for line in lines):
            mine = [line for line in lines if (line["kind"], line["way"]) == (kind, way)]
            cells = [_interval([line[name] for line in mine]) for name in measures]
            print(f"| {kind} | {way} | {len(mine)} | {' | '.join(cells)} |")
        compared = _FOUND[:4] if stage == "search" else ("f1", "contains")
        _differences(lines, compared)


def _differences(lines: Sequence[dict[str, Any]], measures: Sequence[str]) -> None:
    by_way: dict[str, dict[str, Any]] = {}
    for line in lines:
        by_way.setdefault(line["way"], {})[line["id"]] = line
    plain = by_way.get("plain", {})
    print()
    for way, mine in by_way.items():
        both = [name for name in mine if name in plain]
        if way == "plain" or not both:
            continue
        for name in measures:
            told = _interval([mine[i][name] - plain[i][name] for i in both])
            print(f"{way} less plain, {name}, {len(both)} questions: {told}")


def _interval(values: Sequence[float]) -> str:
    array = np.asarray(values, dtype=float)
    rng = np.random.default_rng(0)
    means = array[rng.integers(0, len(array), (2_000, len(array)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    digits = 0 if array.mean() >= 20 else 2
    return f"{array.mean():.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def _lines(path: Path) -> list[dict[str, Any]]:
    return list(_read(path)) if path.exists() else []


def _read(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.open():
        if line.endswith("\n"):
            yield json.loads(line)
