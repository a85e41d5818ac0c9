"""``agentlab tools``, as a user types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def own_tools(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AGENTLAB_PROJECT", str(project))
    (project / "tools").mkdir()
    return project / "tools"


def test_list(agentlab: Callable[..., Any], own_tools: Path) -> None:
    (own_tools / "broken.py").write_text("x = (\n")
    for arguments in (["tools"], ["tools", "list"]):
        done = agentlab(*arguments)
        assert done.returncode == 0
        lines = {line.split("\t")[0]: line for line in done.stdout.splitlines()}
        assert lines["calculator"] == (
            "calculator\texpression\tCompute an arithmetic expression exactly."
        )
        assert f"WRONG: {own_tools / 'broken.py'}:1: SyntaxError" in lines["broken"]
    records = [json.loads(line) for line in agentlab("tools", "list", "--json").stdout.splitlines()]
    search = next(record for record in records if record["name"] == "search")
    assert search["policy"]["network"] is True
    assert search["arguments"]["count"]["default"] == 5


def test_show(agentlab: Callable[..., Any]) -> None:
    done = agentlab("tools", "show", "search")
    assert done.returncode == 0
    assert "freshness (any | day | week | month | year, 'any' if left out)" in done.stdout
    assert "network       yes" in done.stdout
    done = agentlab("tools", "show", "serach")
    assert done.returncode == 2
    assert "did you mean 'search'?" in done.stderr


def test_run(agentlab: Callable[..., Any]) -> None:
    done = agentlab("tools", "run", "calculator", "--arg", "expression=15% of 80")
    assert (done.returncode, done.stdout, done.stderr) == (0, "12\n", "")
    done = agentlab("tools", "run", "calculator", "--arg", "expression=1 = 1", "--json")
    assert json.loads(done.stdout) == {"content": "true", "artifact": None, "error": False}


def test_optional_texts_stay_texts(agentlab: Callable[..., Any], own_tools: Path) -> None:
    (own_tools / "echo.py").write_text(
        "from langchain_core.tools import tool\n\n@tool\n"
        "def echo(code: str | None = None, n: int = 0, any_of: str | list[int] = '') -> str:\n"
        '    """Say it again."""\n    return repr([code, n, any_of])\n'
    )
    for option, said in (
        ("code=007", "['007', 3, '']"),
        ("code=12345", "['12345', 3, '']"),
        ("code=true", "['true', 3, '']"),
        ("code=null", "[None, 3, '']"),
        ("any_of=12", "[None, 3, '12']"),
        ("any_of=[12]", "[None, 3, [12]]"),
    ):
        done = agentlab("tools", "run", "echo", "--arg", option, "--arg", "n=3")
        assert (done.returncode, done.stdout) == (0, f"{said}\n"), done.stderr
    assert "none in the file" in agentlab("tools", "show", "echo").stdout


def test_run_tells_of_failures_on_stderr(agentlab: Callable[..., Any]) -> None:
    done = agentlab("tools", "run", "calculator", "--arg", "expression=1/0")
    assert (done.returncode, done.stdout) == (1, "")
    assert "division by zero (the divisor must not be 0)" in done.stderr
    done = agentlab("tools", "run", "calculator")
    assert (done.returncode, done.stdout) == (1, "")
    assert "needs the argument 'expression'" in done.stderr
    done = agentlab("tools", "run", "search", "--arg", "query=x", "--arg", "count=many")
    assert "the argument 'count' of search is wrong" in done.stderr


@pytest.mark.parametrize(
    ("option", "said"),
    [("expression", "has no name="), ("expresion=1", "did you mean 'expression'?")],
)
def test_wrong_options(agentlab: Callable[..., Any], option: str, said: str) -> None:
    done = agentlab("tools", "run", "calculator", "--arg", option)
    assert done.returncode == 2
    assert said in done.stderr


def test_what_a_tool_says_has_no_power_over_the_terminal(
    agentlab: Callable[..., Any], own_tools: Path
) -> None:
    (own_tools / "evil.py").write_text(
        "from langchain_core.tools import tool\n@tool\ndef evil() -> str:\n"
        "    'Evil.'\n    return '\\x1b]0;owned\\x07 red'\n"
    )
    done = agentlab("tools", "run", "evil")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
