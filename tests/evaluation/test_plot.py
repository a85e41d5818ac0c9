"""Reports as a picture."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from agentlab.errors import EvaluationError, MissingExtra
from agentlab.evaluation import Report
from agentlab.evaluation.plot import plot_reports

REPORTS = {
    "a": Report({"map": {"q1": 0.1, "q2": 0.7, "q3": 0.1}, "mrr": {"q1": 1.0}}),
    "b": Report({"map": {"q1": 0.3, "q2": 0.3, "q3": 0.3}}),  # lacks one measure
}


def test_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "p.PNG"
    plot_reports(REPORTS, path)
    first = path.read_bytes()
    assert first.startswith(b"\x89PNG")
    plot_reports({"a": REPORTS["a"]}, path)
    assert path.read_bytes() != first
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_its_place_stays(tmp_path: Path) -> None:
    (tmp_path / "p.png").mkdir()
    with pytest.raises(EvaluationError, match="cannot be written: is a directory"):
        plot_reports(REPORTS, tmp_path / "p.png")
    assert [path.name for path in tmp_path.iterdir()] == ["p.png"]


def test_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra) as error:
        plot_reports(REPORTS, tmp_path / "p.png")
    assert "--extra plot" in error.value.hint
