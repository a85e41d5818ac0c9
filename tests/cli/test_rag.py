"""``agentlab rag``, as a user types it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentlab.cli.commands import demo
from agentlab.cli.commands.rag import _ways
from agentlab.cli.console import Console
from agentlab.errors import ConfigError
from agentlab.models import load_model
from agentlab.rag import Index

Command = Callable[..., Any]
TEXT = "Every employee has thirty days of leave a year. Sickness is not leave."


@pytest.fixture
def index(project: Path) -> Path:
    (project / "leave.txt").write_text(TEXT)
    Index.from_files([project / "leave.txt"], path=project / "index")
    sentence = {"text": "Employees have thirty days of leave a year.", "sources": [1]}
    reply = json.dumps({"sentences": [sentence]})
    (project / "script.yaml").write_text(f"replies:\n- say: '{reply}'\n  repeat: true\n")
    return project / "index"


def test_an_answer_and_its_source(agentlab: Command, index: Path) -> None:
    done = agentlab("rag", "index", "How long is leave?", "-m", "scripted:script.yaml")
    assert done.returncode == 0, done.stderr
    answer, _, source, quote = done.stdout.splitlines()
    assert answer == "Employees have thirty days of leave a year [1]."
    assert source.startswith("[1] ")
    assert "leave.txt" in source
    assert quote == "    0-47: “Every employee has thirty days of leave a year.”"


def test_events(agentlab: Command, index: Path) -> None:
    done = agentlab("rag", "index", "-", "-m", "scripted:script.yaml", "--json", stdin="Leave?")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["event"] for e in events] == ["retrieved", "token", "usage", "answer"]
    start, end = events[-1]["value"]["citations"][0]["span"]
    assert TEXT[start:end] == events[-1]["value"]["citations"][0]["quote"]


def test_nothing_fits(agentlab: Command, index: Path) -> None:
    arguments = ("-m", "scripted:script.yaml", "--mode", "dense", "--threshold", "0.999")
    done = agentlab("rag", "index", "How far is the Moon?", *arguments)
    assert (done.returncode, done.stdout) == (0, "The documents do not say.\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("index", " "), "the question is empty"), (("none", "x"), "there is no index in")],
)
def test_mistakes(agentlab: Command, index: Path, arguments: tuple[str, ...], said: str) -> None:
    done = agentlab("rag", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_modes(agentlab: Command, index: Path, project: Path) -> None:
    hop = json.dumps({"fact": "There are thirty days.", "queries": ["How long is leave?"]})
    script = project / "script.yaml"
    script.write_text(f"replies:\n- say: '{hop}'\n{script.read_text().removeprefix('replies:')}")
    arguments = ("How long is leave?", "-m", "scripted:script.yaml", "--mode", "multi-hop")
    done = agentlab("rag", "index", *arguments)
    assert done.stdout.startswith("Employees have thirty days of leave a year [1].")
    assert "hop: hop 1 -> There are thirty days. | no new query" in done.stderr
    assert "2 calls, " in done.stderr
    wrong = agentlab("rag", "index", "x", "--mode", "multi-hip")
    assert (wrong.returncode, "there is no mode 'multi-hip'" in wrong.stderr) == (2, True)
    routed = agentlab("rag", "index", *arguments[:3], "--mode", "route")
    assert (routed.returncode, "several sources" in routed.stderr) == (2, True)


def test_a_file_of_sources(agentlab: Command, index: Path, project: Path) -> None:
    (project / "rag.yaml").write_text(
        "agentlab_rag: 1\nmodel: scripted:script.yaml\nsources:\n"
        "  leave: {index: index, examples: [How long is leave?]}\n"
        "  songs: {refuse: true, examples: [Sing a song]}\ntechniques: [route]\n"
    )
    done = agentlab("rag", "rag.yaml", "How long is leave?")
    assert done.stdout.startswith("Employees have thirty days of leave a year [1]."), done.stderr
    assert "route: How long is leave? -> leave (similarity" in done.stderr
    refused = agentlab("rag", "rag.yaml", "Sing a song!", "--mode", "route")
    assert refused.stdout == "The documents do not say.\n"


def test_options_reach_a_file_of_sources(agentlab: Command, index: Path, project: Path) -> None:
    (project / "rag.yaml").write_text(
        "agentlab_rag: 1\nmodel: scripted:script.yaml\nsources:\n  leave: {index: index}\n"
    )
    asked = ("rag", "rag.yaml", "How many days of leave are there a year?")
    done = agentlab(*asked, "--quote", "always")
    assert done.stdout.startswith("The documents say: “Every employee"), done.stderr
    far = agentlab(*asked, "--mode", "dense", "--threshold", "0.999")
    assert far.stdout == "The documents do not say.\n"
    assert "there is no prompt" in agentlab(*asked, "--prompt", "none").stderr
    assert "'k' must be 1 or more" in agentlab(*asked, "-k", "0").stderr
    wrong = agentlab(*asked, "--param", "temperature=0")
    assert (wrong.returncode, "--model" in wrong.stderr) == (2, True)
    given = agentlab(*asked, "-m", "scripted:script.yaml", "--param", "temperature=0")
    assert given.stdout.startswith("Employees have thirty days"), given.stderr


def test_a_mode_of_the_search_among_techniques(index: Path) -> None:
    assert _ways("hybrid,rewrite") == ("hybrid", ["rewrite"])
    assert _ways("multi_query") == (None, ["multi-query"])
    assert _ways("dense") == ("dense", None)
    with pytest.raises(ConfigError, match="one mode, not dense and keyword"):
        _ways("dense,keyword")


def test_the_number_of_chunks_reaches_the_hops(
    agentlab: Command, index: Path, project: Path
) -> None:
    texts = [f"Rule {n}. Leave is granted by office {n}." for n in range(6)]
    Index.from_texts(texts, path=project / "rules")
    hop = json.dumps({"fact": "", "queries": ["office"]})
    script = project / "script.yaml"
    script.write_text(f"replies:\n- say: '{hop}'\n{script.read_text().removeprefix('replies:')}")
    asked = ("rag", "rules", "Who grants leave?", "-m", "scripted:script.yaml", "--json")
    done = agentlab(*asked, "--mode", "keyword,multi-hop", "-k", "2")
    assert len(json.loads(done.stdout.splitlines()[-1])["value"]["documents"]) == 2, done.stderr


def test_quotes_alone(agentlab: Command, index: Path) -> None:
    done = agentlab("rag", "index", "How many days of leave are there a year?", "--quote", "always")
    assert done.stdout.startswith("The documents say: “Every employee has thirty days of leave")
    wrong = agentlab("rag", "index", "x", "--quote", "maybe")
    assert wrong.returncode == 2
    assert "quote is never, else or always" in wrong.stderr


@pytest.mark.model
def test_the_cited_answer_of_the_demo() -> None:
    console = Console(io.StringIO(), io.StringIO())
    demo._cited(console, load_model("smollm2"))
    out = console.out.getvalue()  # type: ignore[attr-defined]
    assert "Olympus Mons [1]." in out
    assert "[1] encyclopedia/mars.md  Mars" in out
