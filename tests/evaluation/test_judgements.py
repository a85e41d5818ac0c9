"""Files of judgements, runs and questions, right and wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agentlab.errors import EvaluationError
from agentlab.evaluation import read_qrels, read_queries, read_run

Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(content: str | bytes) -> Path:
        path = tmp_path / "file"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return make


def test_qrels_of_trec(write: Write) -> None:
    path = write("\ufeffq1 0 d1 2\r\nq1\t0\td2\t-1\n\nq2 0 d1 0\n")
    assert read_qrels(path) == {"q1": {"d1": 2, "d2": -1}, "q2": {"d1": 0}}


def test_qrels_of_beir(write: Write) -> None:
    path = write("query-id\tcorpus-id\tscore\nq 1\ta b.md\t1\nq 1\tc\t0\n")
    assert read_qrels(path) == {"q 1": {"a b.md": 1, "c": 0}}
    assert read_qrels(write("q1\td1\t1\n")) == {"q1": {"d1": 1}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("q1 0 d1 1\nq1 0 d2\n", "line 2: expected query, 0, document and grade.*got 3 fields"),
        ("q1 0 d1 1\n\nq1 0 d2 high\n", "line 3: the grade 'high' is not a whole number"),
        ("q1 0 d1 1.5\n", "line 1: the grade '1.5'"),
        ("q1 0 d1 ٣\n", "line 1: the grade"),
        ("q1 0 d1 1\nq1 0 d1 2\n", "line 2: document 'd1' of query 'q1' has grade 2 here and 1 in"),
        ("query-id\tcorpus-id\tscore\nq1\t\t1\n", "line 2: expected query, document and grade"),
        ("q1\td1\t1\nq1 d2 1\n", "line 2: expected .*parted by tabs, got 1"),
        ("", "holds no judgements"),
        (b"q1 0 d1 1\nq1 0 \xff 1\n", "line 2: the text is not UTF-8"),
    ],
)
def test_wrong_qrels(write: Write, text: str | bytes, told: str) -> None:
    with pytest.raises(EvaluationError, match=told):
        read_qrels(write(text))


def test_runs_are_ranked_by_score(write: Write) -> None:
    path = write("q1 Q0 a 1 0.5 x\nq1 Q0 b 2 0.9 x\nq1 Q0 c 3 0.5 x\nq1 Q0 a 4 0.1 x\n")
    assert read_run(path) == {"q1": ["b", "c", "a"]}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("q1 Q0 a 1 0.5\n", "line 1: expected query, Q0.*got 5 fields"),
        ("q1 Q0 a 1 0.5 x\nq1 Q0 b 2 best x\n", "line 2: the score 'best' is not a number"),
        ("q1 Q0 a 1 nan x\n", "line 1: the score 'nan'"),
        ("\n", "holds no results"),
    ],
)
def test_wrong_runs(write: Write, text: str, told: str) -> None:
    with pytest.raises(EvaluationError, match=told):
        read_run(write(text))


def test_queries(write: Write) -> None:
    path = write(
        '{"_id": "a", "text": "Who?", "metadata": {"answer": ["x", "y"]}}\n'
        '{"_id": 7, "text": "Why?", "metadata": {"answer": null}}\n'
    )
    found = read_queries(path)
    assert [(q.id, q.text, q.answers) for q in found.values()] == [
        ("a", "Who?", ("x", "y")),
        ("7", "Why?", ()),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"_id": "a", "text": "x"}\n{"_id": ', "line 2: expected one JSON object a line"),
        ("[" * 100_000, "line 1: expected one JSON object a line"),
        ("[1]\n", "line 1: expected a JSON object, not list"),
        ('{"text": "x"}\n', "line 1: expected a text under '_id'"),
        ('{"_id": "a", "text": " "}\n', "line 1: expected the question's text"),
        ('{"_id": "a", "text": "x"}\n{"_id": "a", "text": "y"}\n', "line 2: the query 'a' came"),
        ('{"_id": "a", "text": "x", "metadata": {"answer": 3}}\n', "line 1: .*'metadata.answer'"),
        ("", "holds no questions"),
    ],
)
def test_wrong_queries(write: Write, text: str, told: str) -> None:
    with pytest.raises(EvaluationError, match=told):
        read_queries(write(text))


def test_no_file(tmp_path: Path) -> None:
    for read in (read_qrels, read_run, read_queries):
        with pytest.raises(EvaluationError, match=r"gone' cannot be read: no such file"):
            read(tmp_path / "gone")
        with pytest.raises(EvaluationError, match="cannot be read: is a directory"):
            read(tmp_path)
