"""``agentlab eval``, as a user types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
QRELS = "q1 0 film/length.md 1\nq2 0 film/music.md 1\n"
RUN = "q1 Q0 film/music.md 1 2 x\nq1 Q0 film/length.md 2 1 x\nq2 Q0 film/music.md 1 1 x\n"
BEST = "q1 Q0 film/length.md 1 1 x\nq2 Q0 film/music.md 1 1 x\nq9 Q0 film/music.md 1 1 x\n"


@pytest.fixture
def files(project: Path) -> Path:
    (project / "qrels.txt").write_text(QRELS)
    (project / "run.txt").write_text(RUN)
    (project / "best.txt").write_text(BEST)
    return project


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_run(agentlab: Command, files: Path) -> None:
    done = agentlab("eval", "run", "--run", "run.txt", "--qrels", "qrels.txt", "-m", "MRR")
    assert done.returncode == 0
    assert done.stderr == "with fewer than 10 questions the intervals are too narrow\n"
    assert done.stdout == "mrr\t0.7500\t0.5000\t1.0000\t2\n"


def test_run_against_another(agentlab: Command, files: Path) -> None:
    arguments = ("--run", "best.txt", "--against", "run.txt", "--qrels", "qrels.txt")
    done = agentlab("eval", "run", *arguments, "-m", "mrr", "--json", "--plot", "p.png")
    before, after = records(done.stdout)
    assert before == {
        "of": "run.txt",
        "measure": "mrr",
        "mean": 0.75,
        "low": 0.5,
        "high": 1.0,
        "questions": 2,
        "difference": None,
        "p": None,
        "significant": None,
    }
    assert (after["of"], after["difference"], after["p"]) == ("best.txt", 0.25, 1.0)
    assert after["significant"] is False
    assert "best.txt: 1 question without judgements, left out: 'q9'" in done.stderr
    assert (files / "p.png").read_bytes().startswith(b"\x89PNG")
    assert not list(files.glob(".p.png*"))


def test_per_query(agentlab: Command, files: Path) -> None:
    done = agentlab(
        *("eval", "run", "--run", "run.txt", "--qrels", "qrels.txt", "--per-query", "--json"),
        *("-m", "mrr", "-m", "precision@1"),
    )
    assert records(done.stdout) == [
        {"query": "q1", "mrr": 0.5, "precision@1": 0.0},
        {"query": "q2", "mrr": 1.0, "precision@1": 1.0},
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--run", "gone.txt"), "'gone.txt' cannot be read: no such file or directory"),
        (("--run", "qrels.txt"), "qrels.txt, line 1: expected query, Q0"),
        (("--run", "run.txt", "-m", "ngcd"), "did you mean 'ndcg'?"),
        (("--run", "run.txt", "--plot", "p.jpg"), "'p.jpg' is not named .png"),
        (("--run", "run.txt", "--plot", "no/p.png"), "'no/p.png' cannot be written"),
    ],
)
def test_mistakes(agentlab: Command, files: Path, arguments: tuple[str, ...], told: str) -> None:
    done = agentlab("eval", "run", "--qrels", "qrels.txt", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


def test_retrieval(agentlab: Command, files: Path) -> None:
    from agentlab.rag import Index

    (files / "docs" / "film").mkdir(parents=True)
    (files / "docs" / "film" / "length.md").write_text("The film runs for 169 minutes.")
    (files / "docs" / "film" / "music.md").write_text("Hans Zimmer wrote the score for an organ.")
    Index.from_files(str(files / "docs"), path=files / "index")
    (files / "queries.jsonl").write_text(
        '{"_id": "q1", "text": "How many minutes does it run?"}\n'
        '{"_id": "q2", "text": "Who wrote the score?"}\n{"_id": "q3", "text": "Not judged?"}\n'
    )
    common = ("--queries", "queries.jsonl", "--qrels", "qrels.txt", "-m", "ndcg@10", "--json")
    modes = ("--mode", "keyword", "--mode", "dense")
    done = agentlab("eval", "retrieval", "index", *common, *modes)
    assert done.returncode == 0, done.stderr
    assert [(row["of"], row["mean"]) for row in records(done.stdout)] == [
        ("keyword", 1.0),
        ("dense", 1.0),
    ]
    assert "ms a question (median)" in done.stderr
    done = agentlab("eval", "retrieval", "no-index", *common)
    assert (done.returncode, done.stdout) == (2, "")


def test_answers(agentlab: Command, files: Path) -> None:
    row = {"question": "q", "answer": "It is red [1].", "contexts": ["red"], "ground_truth": "red"}
    (files / "rows.jsonl").write_text(json.dumps(row) + "\n")
    done = agentlab("eval", "answers", "rows.jsonl", "--json")
    assert done.returncode == 0, done.stderr
    assert {r["measure"]: r["mean"] for r in records(done.stdout)} == {
        "exact_match": 0.0,
        "f1": 0.5,
        "faithfulness_words": 1.0,
        "citation_recall": 1.0,
        "citation_precision": 1.0,
    }
    (files / "bare.jsonl").write_text('{"question": "q", "answer": "a"}\n')
    done = agentlab("eval", "answers", "bare.jsonl")
    assert done.returncode == 2
    assert "nothing can be measured in 'bare.jsonl'" in done.stderr


@pytest.mark.model
def test_answers_by_a_judge(agentlab: Command, files: Path) -> None:
    (files / "rows.jsonl").write_text('{"question": "q?", "answer": "a", "contexts": ["a"]}\n')
    done = agentlab("eval", "answers", "rows.jsonl", "--judge", "smollm2", "--json")
    assert done.returncode == 0, done.stderr
    found = {record["measure"]: record["mean"] for record in records(done.stdout)}
    assert set(found) == {
        *("faithfulness_words", "faithfulness_judge", "relevance_judge", "fluency", "utility")
    }
    assert all(0 <= value <= 1 for value in found.values())
