"""The list of models on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentlab.config import project_folder
from agentlab.models.hub import fetch
from agentlab.models.local import local_models
from tests.support.gguf_writer import MODEL, gguf, write_gguf
from tests.support.hub_server import Hub, running


@pytest.fixture(autouse=True)
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_only_the_box() -> None:
    (box,) = local_models()
    assert (box.spec, box.size, box.quantisation) == ("smollm2", 98_362_432, "Q4_1")
    assert (box.context_length, box.license, box.problem) == (8192, "apache-2.0", "")


def test_project_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_gguf(project_folder() / "models" / "sub" / "tiny.gguf")
    (found,) = local_models()[1:]
    assert found.spec == f"gguf:{path}"
    assert found.has_chat_template
    monkeypatch.chdir(project_folder())
    assert local_models()[1].spec == "gguf:models/sub/tiny.gguf"


def test_damaged_files_are_listed_with_their_problem() -> None:
    folder = project_folder() / "models"
    write_gguf(folder / "good.gguf")
    (folder / "cut.gguf").write_bytes(gguf()[:-5])
    (folder / "page.gguf").write_bytes(b"<html>")
    (folder / "gone.gguf").symlink_to("nowhere")
    (folder / "dir.gguf").mkdir()
    found = {Path(model.spec).name: model.problem for model in local_models()[1:]}
    assert sorted(found) == ["cut.gguf", "dir.gguf", "gone.gguf", "good.gguf", "page.gguf"]
    assert found["good.gguf"] == ""
    assert "cut short" in found["cut.gguf"]
    assert "HTML page" in found["page.gguf"]
    assert "is gone" in found["gone.gguf"]
    assert "a folder" in found["dir.gguf"]


def test_split_model_is_one(tmp_path: Path) -> None:
    folder = project_folder() / "models"
    for part in (1, 2):
        write_gguf(folder / f"big-{part:05d}-of-00002.gguf")
    (found,) = local_models()[1:]
    assert found.path.name == "big-00001-of-00002.gguf"
    assert found.size == 2 * (folder / "big-00001-of-00002.gguf").stat().st_size


def test_hub_files_with_their_pins(hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(files={"tiny-Q4.gguf": gguf(), "other.gguf": gguf({**MODEL, "general.name": "O"})})
    with running(hub):
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        fetch(hub.repo, "*Q4*")
        hub.files["tiny-Q4.gguf"], hub.commit = gguf({**MODEL, "general.name": "New"}), "b" * 40
        fetch(hub.repo, "other.gguf")
    found = {model.spec: bool(model.pinned) for model in local_models()[1:]}
    assert found == {
        f"hf:{hub.repo}@{'a' * 40}:tiny-Q4.gguf": False,
        f"hf:{hub.repo}:other.gguf": True,
    }
    (hub_cache / "models--no").mkdir()
    (hub_cache / "models--lab--tiny-GGUF" / "refs" / "main").write_bytes(b"\xff")
    assert len(local_models()) == 3
