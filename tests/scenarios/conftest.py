from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentlab.scenarios.results import ScenarioResult
from agentlab.scenarios.running import Options
from agentlab.scenarios.suite import run_suite

PROJECT = Path(__file__).with_name("project")


class Project:
    """A user's project in a folder of its own: modules, models' scripts, scenarios."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "scenarios").mkdir()

    def write(self, text: str, name: str = "shop.yaml") -> Path:
        path = self.folder / "scenarios" / name
        path.write_text(text)
        return path

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        forget()

    def run(self, mode: str | None = None, **options: object) -> dict[str, ScenarioResult]:
        """The results by name."""
        chosen = Options(record=mode, **options)  # type: ignore[arg-type]
        suite = run_suite([self.folder / "scenarios"], chosen)
        return {result.name: result for result in suite.results}

    def cassette(self, name: str) -> Path:
        return self.folder / "scenarios" / "cassettes" / "shop" / f"{name}.jsonl"


def forget() -> None:
    sys.modules.pop("shop", None)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.delenv("AGENTLAB_PROJECT")
    monkeypatch.delenv("CI", raising=False)
    folder = tmp_path / "shop-project"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "agentlab.toml").touch()
    monkeypatch.chdir(folder)
    forget()
    yield Project(folder)
    forget()


@pytest.fixture
def made(project: Project) -> Callable[..., dict[str, ScenarioResult]]:
    """Write a file of scenarios and run it."""

    def make(text: str, mode: str | None = None) -> dict[str, ScenarioResult]:
        project.write(text)
        return project.run(mode)

    return make
