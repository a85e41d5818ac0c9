"""Ragas' rows, read and measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentlab.errors import EvaluationError
from agentlab.evaluation import Sample, agreement, auc, evaluate_answers, read_samples

ROW = {
    "question": "How long is it?",
    "answer": "It runs 169 minutes [1].",
    "contexts": ["The film runs for 169 minutes."],
    "ground_truth": "169 minutes",
}
NEWER = {
    "user_input": "How long is it?",
    "response": "It runs 169 minutes [1].",
    "retrieved_contexts": ["The film runs for 169 minutes."],
    "reference": "169 minutes",
}
SAMPLE = Sample(
    "How long is it?",
    "It runs 169 minutes [1].",
    ("The film runs for 169 minutes.",),
    ("169 minutes",),
    "1",
)


def test_every_form(tmp_path: Path) -> None:
    contents = {
        "a.jsonl": json.dumps(ROW) + "\n",
        "b.jsonl": json.dumps(NEWER),
        "c.json": json.dumps([ROW]),
        "d.json": json.dumps({name: [value] for name, value in ROW.items()}),
        "e.csv": (
            "question,answer,contexts,ground_truth\r\n"
            'How long is it?,It runs 169 minutes [1].,"[""The film runs for 169 minutes.""]",'
            "169 minutes\r\n"
        ),
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content, newline="")
        assert read_samples(tmp_path / name) == [SAMPLE], name


def test_a_cell_with_line_breaks(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('question,answer\n"a\nb",c\u2028d\n', newline="")
    assert read_samples(path) == [Sample("a\nb", "c\u2028d", id="1")]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.jsonl", '{"question": "q", "answer": "a"}\n{"question": "q"}\n', "line 2: .*'answer'"),
        ("a.jsonl", '{"question": 3, "answer": "a"}\n', "line 1: .*'question' or 'user_input'"),
        ("a.jsonl", '{"question": "q", "answer": "a", "contexts": [3]}\n', "line 1: .*'contexts'"),
        ("a.jsonl", "\n", "holds no rows"),
        ("a.json", '[\n{"question": "q",}\n]', "line 2"),
        ("a.json", '[{"question": "q", "answer": "a"}, 3]', "row 2: expected a JSON object"),
        ("a.json", '{"question": ["q"], "answer": []}', "columns of one length"),
        ("a.json", "3", "expected a list of rows"),
        ("a.json", "[" * 100_000, "nests too deep"),
        ("a.csv", "question,answer\nq,a\nq\n", "line 3: expected 2 fields"),
        ("a.csv", "question,answer,contexts\nq,a,text\n", "line 2: expected a JSON list"),
        ("a.csv", 'question,answer\n"q', "line 2: unexpected end"),
        ("a.txt", "", "is not .jsonl, .json or .csv"),
    ],
)
def test_wrong_files(tmp_path: Path, name: str, content: str, told: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(EvaluationError, match=told):
        read_samples(tmp_path / name)


def test_what_is_not_utf_8(tmp_path: Path) -> None:
    for name in ("a.csv", "a.json", "a.jsonl"):
        (tmp_path / name).write_bytes(b"\xff,answer\nq,a\n")
        with pytest.raises(EvaluationError, match="not UTF-8"):
            read_samples(tmp_path / name)


def test_each_measure_of_the_samples_that_have_what_it_needs() -> None:
    samples = [SAMPLE, Sample("Who?", "Nobody.", id="2"), Sample("Who?", "No one.", id="2")]
    report = evaluate_answers(samples)
    assert report.values == {
        "exact_match": {"1": 0.0},
        "f1": {"1": pytest.approx(2 * 2 / (4 + 2))},
        "faithfulness_words": {"1": 1.0},
        "citation_recall": {"1": 1.0},
        "citation_precision": {"1": 1.0},
    }
    assert "exact_match is of 1 of 3 answers: the others lack what it needs" in report.notes
    assert evaluate_answers(samples[1:]).values == {}


def test_auc() -> None:
    assert auc([0.1, 0.4, 0.35, 0.8], [False, False, True, True]) == 0.75
    assert auc([1, 1, 1], [True, False, True]) == 0.5  # ties count half
    assert auc([3, 2, 1], [True, True, False]) == 1
    with pytest.raises(EvaluationError, match="both kinds"):
        auc([1, 2], [True, True])


def test_agreement() -> None:
    scores = [n / 100 for n in range(100)]
    labels = [n >= 60 for n in range(100)]
    found = agreement(scores, labels)
    assert (found.auc, found.low, found.high, found.threshold) == (1, 1, 1, 0.6)
    noisy = [n % 3 != 0 for n in range(100)]
    found = agreement(scores, noisy)
    assert found.low < 0.5 < found.high
    assert found == agreement(scores, noisy)
    # Items that go together make the interval wider.
    wide = agreement(scores, labels[::-1][:50] + labels[50:], [n // 25 for n in range(100)])
    apart = agreement(scores, labels[::-1][:50] + labels[50:])
    assert wide.high - wide.low > apart.high - apart.low
