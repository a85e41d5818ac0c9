"""The commands' list, help and the small commands."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import agentlab as package
from agentlab.cli.app import COMMANDS

ROOT = Path(__file__).parents[2]


def test_help_lists_every_command(agentlab: Any) -> None:
    for arguments in ([], ["--help"], ["-h"]):
        done = agentlab(*arguments)
        assert done.returncode == 0
        for name in COMMANDS:
            assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_help(agentlab: Any, name: str) -> None:
    assert import_module(f"agentlab.cli.commands.{name}").app
    done = agentlab(name, "--help")
    assert done.stdout.startswith(f"Usage: agentlab {name}")
    assert done.returncode == 0


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from agentlab.cli.entry import run; run(['--help']);"
        "print(*sorted({m.partition('.')[0] for m in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"langchain_core", "pydantic", "rich", "yaml", "jinja2", "numpy", "llama_cpp"}
    assert not heavy & set(done.stderr.split())


def test_an_unknown_command_names_the_nearest(agentlab: Any) -> None:
    done = agentlab("rnu")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: there is no command 'rnu'; did you mean 'run'?",
        "hint: see agentlab --help",
    ]


def test_the_version(agentlab: Any) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert package.__version__ == declared
    assert agentlab("--version").stdout == f"agentlab {declared}\n"


def test_as_a_module(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "agentlab", "--version"],
        capture_output=True,
        text=True,
        check=True,
        cwd=project,
    )
    assert done.stdout == f"agentlab {package.__version__}\n"


def test_prompts_are_listed(agentlab: Any) -> None:
    rows = dict(line.split("\t")[:2] for line in agentlab("prompts").stdout.splitlines())
    assert rows["story/character"] == "summary title"
    records = [
        json.loads(line) for line in agentlab("prompts", "list", "--json").stdout.splitlines()
    ]
    assert {record["name"] for record in records} == rows.keys()


def test_a_prompt_is_shown_as_the_model_sees_it(agentlab: Any) -> None:
    done = agentlab("prompts", "show", "story/title", "--set", "summary=a lost dog")
    assert "a story about a lost dog." in done.stdout
    assert done.stdout.startswith("# user\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["story/titel"], "there is no prompt 'story/titel'"),
        (["story/title"], "needs a value for 'summary'"),
        (["story/title", "--model", "smollm2"], "needs a value for 'summary'"),
    ],
)
def test_a_prompt_that_cannot_be_shown(agentlab: Any, arguments: list[str], told: str) -> None:
    done = agentlab("prompts", "show", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


def test_the_models_of_this_machine(agentlab: Any, tmp_path: Path) -> None:
    folder = Path(tmp_path / "mine" / "models")
    folder.mkdir(parents=True)
    (folder / "bad.gguf").write_bytes(b"not a model")
    done = agentlab("models", AGENTLAB_PROJECT=str(tmp_path / "mine"))
    rows = {line.split("\t")[0]: line for line in done.stdout.splitlines()}
    assert "98 MB" in rows["smollm2"]
    (bad,) = (row for spec, row in rows.items() if spec.endswith("bad.gguf"))
    assert "WRONG" in bad
    first = json.loads(agentlab("models", "--json").stdout.splitlines()[0])
    assert (first["spec"], first["quantisation"]) == ("smollm2", "Q4_1")


def test_the_doctor_never_shows_a_key(agentlab: Any) -> None:
    secret = "sk-very-secret-0123456789"
    done = agentlab("doctor", OPENAI_API_KEY=secret, HF_TOKEN=secret)
    assert done.returncode == 0
    assert "OPENAI_API_KEY is set" in done.stdout
    assert "COHERE_API_KEY or CO_API_KEY is not set" in done.stdout
    assert "its sha256 is right" in done.stdout
    assert "ok bge-small" in done.stdout
    assert "ok minilm" in done.stdout
    assert secret not in done.stdout + done.stderr


def test_the_doctor_as_json(agentlab: Any) -> None:
    report = json.loads(agentlab("doctor", "--json").stdout)
    assert report["ok"] is True
    areas = [check["area"] for check in report["checks"]]
    assert list(dict.fromkeys(areas)) == [
        *("python", "parts", "engine", "models", "texts", "extras", "keys", "folders")
    ]


def test_the_doctor_finds_what_is_broken(agentlab: Any, tmp_path: Path) -> None:
    project = tmp_path / "wrong"
    project.mkdir()
    (project / "agentlab.toml").write_text("colour = 'red'")
    done = agentlab("doctor", AGENTLAB_PROJECT=str(project))
    assert done.returncode == 1
    assert "!! folders" in done.stdout
    assert "colour" in done.stdout
