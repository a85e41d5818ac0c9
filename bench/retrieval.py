"""How well the retrievers find: nDCG@10 on test collections, with 95% bootstrap intervals.

Run it with ``python -m bench.retrieval --data FOLDER``. FOLDER holds one folder a collection, in
BEIR's layout (``corpus.jsonl``, ``queries.jsonl``, ``qrels.tsv``), and may hold ``hotpotqa`` with
``train_distractor_100.jsonl``, whose paragraphs are pooled. Vectors are kept in AgentLab's cache,
so that only the first run is slow. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langchain_core.documents import Document

from agentlab.evaluation import Report, collect, evaluate_run, read_qrels, read_queries
from agentlab.rag import Index
from agentlab.rag.preparing import with_title
from bench.kept_scores import KeptScores
from bench.report import machine

MEASURES = ("ndcg@10", "map", "recall@10")
WAYS: dict[str, dict[str, Any]] = {
    "BM25": {"mode": "keyword"},
    "dense": {"mode": "dense"},
    "hybrid, 1 to 0.25": {"mode": "hybrid"},
    "hybrid, equal weights": {"mode": "hybrid", "weights": (1.0, 1.0)},
    "hybrid, by scores": {"mode": "hybrid", "fusion": "scores"},
    "hybrid, by scores, 1 to 0.5": {"mode": "hybrid", "fusion": "scores", "weights": (1.0, 0.5)},
    "dense, best 10 reranked by half": {"mode": "dense", "rerank": "minilm"},
    "dense, best 10 reranked": {"mode": "dense", "rerank": "minilm", "rerank_weight": 1.0},
    "hybrid, best 20 reranked by half": {
        "mode": "hybrid",
        "rerank": "minilm",
        "rerank_depth": 20,
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.retrieval")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the collections")
    parser.add_argument("--collections", nargs="+", default=["med", "cisi", "hotpotqa"])
    parser.add_argument(
        "--others",
        type=Path,
        nargs="*",
        help="other libraries too; folders that LlamaIndex and Haystack are installed in",
    )
    parser.add_argument(
        "--scores", type=Path, help="keep the reranker's scores here, to go on after a stop"
    )
    parser.add_argument("--no-rerank", action="store_true", help="leave out the reranker")
    options = parser.parse_args()
    sys.path += map(str, options.others or ())  # after our own packages
    print(f"{machine()}\n")
    print("| collection | documents | questions | way | nDCG@10 | mAP | recall@10 | "
          "less dense, nDCG@10 | ms a question |")  # fmt: skip
    print("| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    for name in options.collections:
        with collection(options.data / name) as folder:
            for line in measured(name, folder, options):
                print(line, flush=True)


def measured(name: str, folder: Path, options: argparse.Namespace) -> Iterator[str]:
    """A row of the table for each way to search the collection in ``folder``."""
    queries = read_queries(folder / "queries.jsonl")
    qrels = read_qrels(folder / "qrels.tsv")
    began = time.perf_counter()
    index = Index.from_files(
        folder / "corpus.jsonl",
        splitter="document",
        progress=lambda done, total: print(f"\r{name} {done} of {total}", end="", file=sys.stderr),
    )
    print(f"\r{name}: built in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    documents = sum(1 for line in (folder / "corpus.jsonl").open() if line.strip())
    reports: dict[str, Report] = {}
    for way, k, retriever in _retrievers(index, options):
        if isinstance(retriever, str):
            print(f"{name}: {way}: {retriever}", file=sys.stderr)
            continue
        # A document that was parted comes more than once, and counts once.
        found = collect(retriever, queries, qrels)
        reports[way] = evaluate_run(found.run, qrels, MEASURES)
        # The mean average precision of ten documents is not that of a hundred.
        cells = ["" if m == "map" and k == 10 else _interval(reports[way], m) for m in MEASURES]
        ms = f"{1000 * found.seconds_per_question:,.0f}"
        if k == 10 and options.scores:
            ms = ""  # of scores that were kept it says nothing
        row = [name, f"{documents:,}", str(len(found.run)), way, *cells]
        yield f"| {' | '.join([*row, _against(reports, way), ms])} |"


def _retrievers(index: Index, options: argparse.Namespace) -> Iterator[tuple[str, int, Any]]:
    """Name, how many results, and what searches, or why nothing does."""
    for way in ("dense", *(w for w in WAYS if w != "dense")):
        reranks = "rerank" in WAYS[way]
        k = 10 if reranks else 100
        if not (reranks and options.no_rerank):
            kept = {"rerank": KeptScores(options.scores)} if reranks and options.scores else {}
            yield way, k, index.as_retriever(k=k, **{**WAYS[way], **kept})
    if options.others is None:
        return
    from bench.retrieval_others import K, others

    snapshot = index._open()
    records = snapshot.records.get(range(len(snapshot.vectors.array)))
    chunks = [
        Document(
            page_content=with_title(r.document.page_content, r.document.metadata),
            metadata={"id": r.document.metadata["id"]},
        )
        for r in records
    ]
    vectors = snapshot.vectors.array[[r.row for r in records]].tolist()
    for way, retriever in others(chunks, vectors, index.embeddings):
        yield way, K, retriever


def _interval(report: Report, measure: str) -> str:
    found = report.interval(measure)
    return f"{found.mean:.3f} ({found.low:.3f} to {found.high:.3f})"


def _against(reports: dict[str, Report], way: str) -> str:
    if way == "dense":
        return ""
    found = reports["dense"].compare(reports[way], "ndcg@10")
    mark = ", significant" if found.significant else ""
    return f"{found.difference:+.3f} ({found.low:+.3f} to {found.high:+.3f}{mark})"


@contextmanager
def collection(folder: Path) -> Iterator[Path]:
    """The collection in BEIR's layout; that of HotpotQA is made from its questions."""
    if (folder / "corpus.jsonl").is_file():
        yield folder
        return
    with tempfile.TemporaryDirectory() as made:
        pool(folder / "train_distractor_100.jsonl", Path(made))
        yield Path(made)


def pool(questions: Path, into: Path) -> None:
    """All paragraphs of all questions as one collection; the gold ones are relevant."""
    paragraphs: dict[str, str] = {}
    queries, qrels = [], ["query-id\tcorpus-id\tscore"]
    for number, line in enumerate(questions.read_text().rstrip("\n").split("\n")):
        question = json.loads(line)
        for title, sentences in question["context"]:
            paragraphs.setdefault(title, "".join(sentences))
        queries.append({"_id": f"q{number}", "text": question["question"]})
        gold = dict.fromkeys(title for title, _ in question["supporting_facts"])
        qrels += [f"q{number}\t{title}\t1" for title in gold]
    corpus = [{"_id": t, "title": t, "text": text} for t, text in paragraphs.items()]
    for name, records in (("corpus.jsonl", corpus), ("queries.jsonl", queries)):
        (into / name).write_text("".join(json.dumps(record) + "\n" for record in records))
    (into / "qrels.tsv").write_text("\n".join(qrels) + "\n")


if __name__ == "__main__":
    main()
