"""``agentlab tune``, and how ``search`` and ``rag`` follow it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.rag.conftest import FACTS

Command = Callable[..., Any]
ASKED = {
    "pump.md": ["reset the pump", "which button", "the fuse", "cellar noise at night", "grey box"],
    "film.md": ["Gull Rock", "who kept a lighthouse", "the film's year"],
    "leave.txt": ["days off", "am I paid when sick"],
    "cats.txt": ["why do cats purr", "pain of a pet"],
}


@pytest.fixture
def index(agentlab: Command, project: Path) -> Path:
    (project / "docs").mkdir()
    for name, text in FACTS.items():
        (project / "docs" / name).write_text(text)
    rows = [
        {"question": question, "relevant": [f"docs/{name}"]}
        for name, questions in ASKED.items()
        for question in questions
    ]
    (project / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert agentlab("index", "build", "docs", "-o", "ix").returncode == 0
    return project / "ix"


def test_tune(agentlab: Command, index: Path) -> None:
    stages = ("--stage", "keyword", "--stage", "splitter", "--splitter", "sentences:1")
    common = ("tune", "ix", "-j", "own.jsonl", *stages)
    done = agentlab(*common, "--json", "--dry-run", "--plot", "p.png")
    assert done.returncode == 0, done.stderr
    *rows, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["stage"] for row in rows] == ["start", *["keyword"] * 7, "splitter"]
    assert [row["letter"] for row in rows] == list("abcdefghi")
    assert rows[0]["options"] == last["chosen"] == {"mode": "dense"}
    assert [row["on"] for row in rows if row["on"] is not None] == [False, False]
    assert last["written"] is None
    assert "nothing was written" in done.stderr
    assert "embedding" not in done.stderr  # nobody watches
    assert Path("p.png").read_bytes().startswith(b"\x89PNG")
    assert not (index / "search.toml").exists()

    done = agentlab(*common)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].split("\t")[:3] == ["a", "start", "dense"]
    assert "nothing gains for certain over dense search" in done.stderr
    assert (index / "search.toml").read_text().endswith('mode = "dense"\n')
    assert agentlab("index", "verify", "ix").returncode == 0


def test_search_follows(agentlab: Command, index: Path) -> None:
    question = ("search", "ix", "zebra", "--json")
    assert "similarity" in json.loads(agentlab(*question, "-k", "1").stdout)["metadata"]
    (index / "search.toml").write_text('mode = "keyword"\nrerank = "minilm"\n')
    done = agentlab(*question)
    assert (done.stdout, done.stderr) == ("", "nothing was found\n")
    assert agentlab(*question, "--mode", "dense", "--no-rerank", "-k", "1").stdout
    (index / "search.toml").write_text('mode = "keywords"\n')
    done = agentlab(*question)
    assert done.returncode == 2
    assert "search.toml' is wrong: there is no mode 'keywords'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-j", "gone.txt"), "no questions beside the judgements 'gone.txt'"),
        (("-j", "own.jsonl", "--stage", "rerenk"), "did you mean 'rerank'?"),
        (("-j", "own.jsonl", "--plot", "p.svg"), "is not named .png"),
        (("-j", "own.jsonl", "-m", "ngcd"), "did you mean 'ndcg'?"),
        (("-j", "few.jsonl"), "1 of the questions are judged"),
    ],
)
def test_mistakes(
    agentlab: Command, index: Path, project: Path, arguments: tuple[str, ...], told: str
) -> None:
    (project / "few.jsonl").write_text('{"question": "q", "relevant": "docs/cats.txt"}\n')
    done = agentlab("tune", "ix", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
