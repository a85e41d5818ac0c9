"""HotpotQA, its paragraphs pooled: evidence and answers of each way to search."""

from __future__ import annotations

import argparse
import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.documents import Document

from agentlab import load_model
from agentlab.chains.usage import UsageCounter
from agentlab.evaluation.matching import exact_match, token_f1
from agentlab.rag import Index, create_rag
from agentlab.rag.techniques import Technique, as_text, compose
from agentlab.rag.techniques.steps import Steps
from agentlab.rag.techniques.technique import Found

K, READ = 10, 4
_GROUP = 4  # questions
_TECHNIQUES: dict[str, Any] = {
    "plain": "simple",
    "plain-joint": "simple",  # what it finds is answered from as what links and hops find is
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


class Known(Technique):
    """Finds what was found before."""

    def __init__(self, found: Found) -> None:
        self.found = found

    def steps(self, task: Any) -> Steps[Found]:
        """See :class:`Technique`."""
        yield from ()
        return self.found


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

    Questions come in an order drawn once; the first 28 bridge questions were looked at while the
    techniques were made, so ``--after`` leaves them out. They are taken in groups of ``--parallel``
    (at least 4), and each group is searched in all ways, then answered: prompts that begin alike
    come near each other, and a local model keeps their beginning.
    """
    rows, index = read(options.data / "hotpotqa")
    chosen = [row for row in rows if row["type"] == options.kind]
    random.Random(7).shuffle(chosen)
    chosen = chosen[options.after :][: options.n]
    together: dict[str, Any] = {"parallel": options.parallel} if options.parallel > 1 else {}
    model = load_model(options.model, temperature=0, seed=7, **together)
    retriever = index.as_retriever(k=K, mode="dense")
    finders = {way: _finder(way, model, retriever) for way in options.ways}
    size = max(options.parallel, _GROUP)
    for begin in range(0, len(chosen), size):
        group = chosen[begin : begin + size]
        for stage, way in itertools.product(options.stages, options.ways):
            lines = {(line["stage"], line["way"], line["id"]): line for line in _lines(options.out)}
            left = [row for row in group if (stage, way, row["_id"]) not in lines]
            if stage == "search":
                ask = partial(_searched, find=finders[way], joint=way == "plain-joint")
            else:
                found = {row["_id"]: lines["search", way, row["_id"]] for row in left}
                ask = partial(_answered, model=model, index=index, found=found)
            _each(options.out, {"stage": stage, "way": way}, left, ask, options.parallel)
    report(options.out)


def _each(
    out: Path,
    line: dict[str, Any],
    rows: Sequence[dict[str, Any]],
    ask: Callable[[dict[str, Any]], dict[str, Any]],
    parallel: int,
) -> None:
    """``ask`` each of ``rows``, ``parallel`` at once, and write what comes of it to ``out``."""
    lock = threading.Lock()

    def one(row: dict[str, Any]) -> None:
        began = time.time()
        measured = ask(row)
        told = {**line, "id": row["_id"], "kind": row["type"], **measured}
        text = json.dumps({**told, "began": began, "ended": time.time()}, ensure_ascii=False)
        with lock, out.open("a") as file:
            file.write(text + "\n")

    with ThreadPoolExecutor(max(1, parallel)) as pool:
        list(pool.map(one, rows))


def _finder(way: str, model: Any, retriever: Any) -> Any:
    """What searches in this way: a technique, or a function of another library's."""
    if way not in _TECHNIQUES:
        from bench.advanced_rag_others import finder

        return finder(way, model, retriever)
    return compose(model, retriever, _TECHNIQUES[way])


def _searched(row: dict[str, Any], find: Any, *, joint: bool) -> dict[str, Any]:
    counter = UsageCounter()
    config: Any = counter.attached_to({})
    if isinstance(find, Technique):
        result = find.search(row["question"], config)
        documents, plan = result.documents, as_text(result.plan)
        joint = joint or result.joint
    else:
        documents, plan = find(row["question"], config)
        joint = True
    found, gold, usage = [d.id for d in documents], gold_of(row), counter.usage
    return {
        "all_gold@10": float(gold <= set(found[:K])),
        "all_gold@5": float(gold <= set(found[:5])),
        "all_gold@4": float(gold <= set(found[:READ])),
        "recall@5": len(gold & set(found[:5])) / len(gold),
        "calls": usage.model_calls,
        "tokens": usage.input_tokens + usage.output_tokens,
        "found": found,
        "joint": joint,
        "plan": plan,
    }


def _answered(
    row: dict[str, Any], model: Any, index: Index, found: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """An answer from the first documents that were found."""
    line = found[row["_id"]]
    shown = Known(Found(index.get_by_ids(line["found"][:READ]), joint=line["joint"]))
    result = create_rag(model, shown, short=True).invoke(row["question"])
    gold, cited = gold_of(row), {citation["id"] for citation in result["citations"]}
    short = result["short"]["text"] if result["short"]["supported"] else ""
    text = " ".join(sentence["text"] for sentence in result["sentences"])
    return {
        "em": exact_match(short, [row["answer"]]),
        "f1": token_f1(short, [row["answer"]]),
        "contains": float(row["answer"].casefold() in text.casefold()),
        "cited_recall": len(cited & gold) / len(gold),
        "cited_precision": len(cited & gold) / len(cited) if cited else 0.0,
        "calls": result["usage"]["model_calls"],
        "tokens": result["usage"]["input_tokens"] + result["usage"]["output_tokens"],
        "answer": result["answer"],
        "short": result["short"],
        "sentences": result["sentences"],
        "wanted": row["answer"],
    }


_FOUND = ("all_gold@10", "all_gold@5", "all_gold@4", "recall@5", "calls", "tokens")
_SAID = ("em", "f1", "contains", "cited_recall", "cited_precision", "calls", "tokens")


def report(out: Path) -> None:
    """The tables of what was asked so far, with 95% bootstrap intervals."""
    for stage, measures in (("search", _FOUND), ("answer", _SAID)):
        lines = [line for line in _lines(out) if line["stage"] == stage]
        print(f"\n{stage}\n\n| kind | way | questions | {' | '.join(measures)} | seconds |")
        print(f"| --- | --- | ---: | {' | '.join(['---:'] * (len(measures) + 1))} |")
        for kind, way in dict.fromkeys((line["kind"], line["way"]) for line in lines):
            mine = [line for line in lines if (line["kind"], line["way"]) == (kind, way)]
            cells = [_interval([line[name] for line in mine]) for name in measures]
            cells.append(f"{_busy(mine) / len(mine):.1f}")
            print(f"| {kind} | {way} | {len(mine)} | {' | '.join(cells)} |")
        _differences(lines, _FOUND if stage == "search" else _SAID)


def _busy(lines: Sequence[dict[str, Any]]) -> float:
    """The seconds in which at least one of ``lines`` was worked on."""
    busy, until = 0.0, 0.0
    for began, ended in sorted((line["began"], line["ended"]) for line in lines):
        busy += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return busy


def _differences(lines: Sequence[dict[str, Any]], measures: Sequence[str]) -> None:
    """Each way less each one before it, by questions that both were asked."""
    by_way: dict[tuple[str, str], dict[str, Any]] = {}
    for line in lines:
        by_way.setdefault((line["kind"], line["way"]), {})[line["id"]] = line
    print(f"\n| kind | ways | questions | {' | '.join(measures)} |")
    print(f"| --- | --- | ---: | {' | '.join(['---:'] * len(measures))} |")
    for (kind, way), mine in by_way.items():
        for (same, other), theirs in by_way.items():
            both = [name for name in mine if name in theirs]
            if (same, other) == (kind, way):
                break
            if kind == same and both:
                cells = [_interval([mine[i][m] - theirs[i][m] for i in both]) for m in measures]
                print(f"| {kind} | {way} less {other} | {len(both)} | {' | '.join(cells)} |")


def _interval(values: Sequence[float]) -> str:
    array = np.asarray(values, dtype=float)
    rng = np.random.default_rng(0)
    means = array[rng.integers(0, len(array), (2_000, len(array)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    digits = 0 if abs(array.mean()) >= 20 else 2
    return f"{array.mean():.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def _lines(path: Path) -> list[dict[str, Any]]:
    return list(_read(path)) if path.exists() else []


def _read(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.open():
        if line.endswith("\n"):
            yield json.loads(line)
