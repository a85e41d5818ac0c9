"""The wheel carries the prompts, tools and scenarios, and the user's own folders come first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hatchling import build

from agentlab.config import folders, shipped_folder

ROOT = Path(__file__).parent.parent
FOLDERS = ("prompts", "tools", "scenarios", "corpus")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return folder / build.build_wheel(str(folder))


def test_the_wheel_holds_what_the_tree_holds(wheel: Path) -> None:
    assert wheel.name.startswith("agentlab_local-")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {
        f"agentlab/{path.relative_to(ROOT / 'agentlab').as_posix()}"
        for path in (ROOT / "agentlab").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    for name in FOLDERS:
        expected |= {
            f"agentlab/_shipped/{path.relative_to(ROOT).as_posix()}"
            for path in (ROOT / name).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
    assert held == expected
    assert "agentlab/py.typed" in held


def test_a_prompt_is_read_from_an_unpacked_wheel(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    program = (
        "import json, agentlab, agentlab.config as c\n"
        "from agentlab import load_prompt\n"
        "print(json.dumps({'package': agentlab.__file__,\n"
        f"  'folders': {{n: str(c.shipped_folder(n)) for n in {FOLDERS}}},\n"
        "  'title': load_prompt('story/title').invoke({'summary': 'a lost key'}).to_string()}))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    said: dict[str, Any] = json.loads(run.stdout)
    package = tmp_path / "site" / "agentlab"
    assert said["package"] == str(package / "__init__.py")
    assert said["folders"] == {name: str(package / "_shipped" / name) for name in FOLDERS}
    assert "a lost key" in said["title"]


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_of_the_user_comes_first(
    name: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTLAB_PROJECT", str(tmp_path))
    assert folders(name) == [shipped_folder(name)]
    (tmp_path / name).mkdir()
    assert folders(name) == [tmp_path / name, shipped_folder(name)]


def test_a_prompt_of_the_user_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from agentlab import load_prompt

    monkeypatch.setenv("AGENTLAB_PROJECT", str(tmp_path))
    mine = tmp_path / "prompts" / "story" / "title.md"
    mine.parent.mkdir(parents=True)
    mine.write_text("My own words about {{ summary }}")
    said = load_prompt("story/title").invoke({"summary": "a key"}).to_string()
    assert "My own words about a key" in said
