"""``agentlab index`` and ``agentlab search``, as a user types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.rag.conftest import FACTS


@pytest.fixture
def docs(project: Path) -> Path:
    (project / "docs").mkdir()
    for name, text in FACTS.items():
        (project / "docs" / name).write_text(text)
    return project / "docs"


def test_build_search_change(agentlab: Callable[..., Any], docs: Path) -> None:
    (docs / "bad.pdf").write_bytes(b"nonsense")
    done = agentlab("index", "build", "docs", "-o", "ix")
    assert done.returncode == 0
    assert done.stdout == ("ix: 4 chunks (4 files read, 1 skipped, 4 chunks written, 4 embedded)\n")
    assert done.stderr.startswith("skipped docs/bad.pdf: it is no PDF that can be read")
    done = agentlab("index", "build", "docs", "-o", "ix", "--json")
    report = json.loads(done.stdout)["report"]
    assert (report["unchanged"], report["embedded"]) == (4, 0)

    done = agentlab("search", "ix", "How do I reset the pump?", "-k", "1")
    assert (done.returncode, done.stderr) == (0, "")
    rank, score, place, text = done.stdout.rstrip("\n").split("\t")
    assert (rank, place) == ("1", f"docs/pump.md:0-{len(FACTS['pump.md'].rstrip())}")
    assert float(score) > 0
    assert text.startswith("# The cellar pump The pump in the cellar")

    options = ("--mode", "keyword", "--json", "--filter", "source=docs/cats.txt")
    done = agentlab("search", "ix", "-", *options, stdin="purr\n")
    record = json.loads(done.stdout)
    assert record["metadata"]["source"] == "docs/cats.txt"
    assert record["text"] == FACTS["cats.txt"].strip()
    done = agentlab("search", "ix", "days of leave", "--rerank", "-k", "1", "--json")
    assert json.loads(done.stdout)["metadata"]["title"] == "leave"
    done = agentlab("search", "ix", "zebra", "--mode", "keyword")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "nothing was found\n")

    done = agentlab("index", "delete", "ix", "--source", "docs/cats.txt")
    assert done.stdout == "ix: 3 chunks (1 removed)\n"
    done = agentlab("index", "add", "ix", "docs/cats.txt")
    assert done.stdout == "ix: 4 chunks (1 file read, 1 chunk written, 1 embedded)\n"
    assert agentlab("index", "info", "ix", "--files").stdout.split() == [
        f"docs/{name}" for name in sorted(FACTS)
    ]
    assert json.loads(agentlab("index", "info", "ix", "--json").stdout)["chunks"] == 4
    assert "embeddings\tbge-small, 384 numbers" in agentlab("index", "info", "ix").stdout
    assert agentlab("index", "verify", "ix").stdout == "ix: whole, 4 chunks\n"


def test_damage(agentlab: Callable[..., Any], docs: Path, project: Path) -> None:
    agentlab("index", "build", "docs/cats.txt", "-o", "ix")
    (vectors,) = (project / "ix").rglob("vectors.f32")
    vectors.write_bytes(bytes(vectors.stat().st_size))
    for arguments in (["index", "verify", "ix"], ["search", "ix", "cats"], ["index", "info", "ix"]):
        done = agentlab(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert "vectors.f32': its sha256 is another" in done.stderr
    assert agentlab("index", "build", "docs/cats.txt", "-o", "ix", "--replace").returncode == 0
    assert agentlab("index", "verify", "ix").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["index", "build", "nothing", "-o", "ix"], "there is no file 'nothing'"),
        (["index", "build", "docs", "-o", "docs"], "'docs' is no index, and holds other files"),
        (["index", "build", "docs", "-o", "ix", "--splitter", "word:3"], "split into 'word'"),
        (["index", "build", "docs", "-o", "ix", "--embeddings", "bge"], "no embeddings 'bge'"),
        (["index", "build", "docs", "-o", "ix", "--kind", "tree"], "no index of the kind 'tree'"),
        (["index", "build", "docs"], "missing option '--output'"),
        (["index", "info", "docs"], "there is no index in 'docs'"),
        (["index", "delete", "docs"], "nothing was named to delete"),
        (["search", "docs", "x"], "there is no index in 'docs'"),
        (["search", "docs", " "], "the question is empty"),
    ],
)
def test_errors(agentlab: Callable[..., Any], docs: Path, arguments: list[str], told: str) -> None:
    done = agentlab(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert not (docs.parent / "ix").exists()
