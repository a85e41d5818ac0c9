"""Imports point one way, and the contracts that say so (pyproject.toml) do notice when not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = "import sys; from importlinter.cli import lint_imports_command as c; c()"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache", "--no-logo"],
        cwd=folder,
        # The copy of the package in `folder` comes before the installed one.
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "agentlab", tmp_path / "agentlab", ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_hold() -> None:
    run = lint_imports(ROOT)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("errors.py", "import agentlab.boundary", "layers"),
        ("engine/text.py", "from agentlab.models import files", "layers"),
        ("boundary.py", "from agentlab.interop import community", "layers"),
        ("events.py", "import llama_cpp", "llama_cpp only in engine/"),
        ("boundary.py", "from rich.console import Console", "terminal libraries only in cli/"),
        ("events.py", "import langchain_community", "sunset packages only in interop/"),
    ],
)
def test_a_forbidden_import_is_found(copy: Path, file: str, line: str, contract: str) -> None:
    changed = copy / "agentlab" / file
    # Inside a function: late imports count too.
    changed.write_text(changed.read_text() + f"\n\ndef late() -> None:\n    {line}\n")
    run = lint_imports(copy)
    assert run.returncode == 1, run.stdout
    assert f"{contract} BROKEN" in run.stdout


def test_a_module_without_a_layer_is_found(copy: Path) -> None:
    (copy / "agentlab" / "stray.py").touch()
    run = lint_imports(copy)
    assert run.returncode == 1
    assert "stray" in run.stdout
