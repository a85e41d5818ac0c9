"""Recordings beside vcrpy's and pytest-recording's, of the same calls of the same chat model.

Run it with ``python -m bench.beside``; it prints one JSON object. Both record langchain-openai's
model against a server on loopback. Times are CPU milliseconds, the median of rounds in which all
take turns; sizes are bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from agentlab.boundary import recordable
from agentlab.models import load_model
from agentlab.recording import cassette
from bench.cassettes import SYSTEM, agent, look_up, prose
from bench.report import machine
from bench.scenarios import cpu_ms
from tests.support.openai_server import OpenAIServer, openai_server

CODE = """
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

def triage(model):
    prompt = ChatPromptTemplate.from_messages([("system", "What is it about?"), ("user", "{t}")])
    return prompt | model | StrOutputParser()
"""
THEIRS = """
import pytest
from langchain_openai import ChatOpenAI
from code_under_test import triage

@pytest.mark.vcr
@pytest.mark.parametrize("number", range(COUNT))
def test_it(number):
    model = ChatOpenAI(model="demo")
    assert "billing" in triage(model).invoke({"t": f"card charged twice {number}"})
"""
IMPORTS = {
    "python": "pass",
    "import_langchain_core_models": "import langchain_core.language_models.chat_models",
    "import_langchain_openai": "import langchain_openai",
}


def ours(count: int) -> str:
    """The same as ``THEIRS``, as scenarios."""
    one = (
        "- {{id: s{0}, chain: 'code_under_test:triage', model: demo,"
        " input: {{t: card charged twice {0}}}, expect: {{contains: billing}}}}\n"
    )
    head = "agentlab: 1\nmodels: {demo: {openai: demo}}\nscenarios:\n"
    return head + "".join(one.format(number) for number in range(count))


def suites(rounds: int) -> dict[str, Any]:
    """CPU of suites of 1 and of 200 tests, and of what any of them imports."""
    with tempfile.TemporaryDirectory() as name, openai_server() as server:
        server.reply("It is about billing.")
        folder = Path(name)
        (folder / "agentlab.toml").touch()
        (folder / "code_under_test.py").write_text(CODE)
        commands = {k: [sys.executable, "-c", code] for k, code in IMPORTS.items()}
        pytest = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:asyncio",
        ]
        for count in (1, 200):
            (folder / f"ours{count}").mkdir()
            (folder / f"ours{count}" / "s.yaml").write_text(ours(count))
            (folder / f"theirs{count}").mkdir()
            tests = THEIRS.replace("COUNT", str(count))
            (folder / f"theirs{count}" / f"test_{count}.py").write_text(tests)
            test = [sys.executable, "-m", "agentlab", "test", f"ours{count}", "--record"]
            record = [*pytest, f"theirs{count}", "--record-mode"]
            environment = {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "none"}
            environment |= {"PYTHONPATH": str(folder)}
            cpu_ms([*test, "once"], folder, **environment)
            cpu_ms([*record, "once"], folder, **environment)
            commands |= {
                f"agentlab_test_{count}": [*test, "none"],
                f"pytest_agentlab_{count}": [
                    *pytest,
                    *("-p", "no:recording", f"ours{count}", "--agentlab-record", "none"),
                ],
                f"pytest_recording_{count}": [
                    *(*pytest, "-p", "no:agentlab", f"theirs{count}", "--record-mode", "none")
                ],
            }
        asked = len(server.requests)
        found: dict[str, list[float]] = {key: [] for key in commands}
        for number in range(rounds):
            for key, command in commands.items():
                found[key].append(cpu_ms(command, folder, **environment)[0])
                print(f"round {number + 1}: {key} {found[key][-1]:.0f}", file=sys.stderr)
        if len(server.requests) != asked:
            raise SystemExit("a replay asked the server")
    result: dict[str, Any] = {key: round(statistics.median(v), 1) for key, v in found.items()}
    for key in ("agentlab_test", "pytest_agentlab", "pytest_recording"):
        each = [(b - a) / 199 for a, b in zip(found[f"{key}_1"], found[f"{key}_200"], strict=True)]
        result[f"{key}_each_more"] = round(statistics.median(each), 2)
    return result


def script(server: OpenAIServer, steps: int) -> None:
    """Let the server answer a run of the agent: a tool call in each step but the last."""
    for index in range(steps):
        calls = [("look_up", {"topic": str(index)})] if index < steps - 1 else []
        server.reply(prose(1000 + index), tool_calls=calls)


def git(folder: Path, *arguments: str) -> bytes:
    """Run git in ``folder`` and return what it says."""
    identity = ("-c", "user.name=bench", "-c", "user.email=bench@localhost")
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout


def rerecorded(folder: Path, steps: int, rounds: int = 0, *, vcrpy: bool = True) -> dict[str, Any]:
    """An agent of ``steps`` steps of 4 KB, recorded in ``folder``: size, CPU of a replay, and the
    `git diff` of recording it again with one word of the system prompt edited.

    The server gives answers and tool calls identifiers of their own and counts tokens.
    """
    whiches = ("agentlab", "vcrpy") if vcrpy else ("agentlab",)
    with openai_server(lifelike=True) as server:
        for _ in range(2 * len(whiches)):
            script(server, steps)
        git(folder, "init", "-q")
        model = load_model("openai:demo", base_url=server.url, api_key="none")
        tools = recordable(look_up)
        paths = {"agentlab": folder / "agentlab.jsonl", "vcrpy": folder / "vcr.yaml"}

        def run(which: str, mode: Any, system: str = SYSTEM) -> None:
            if which == "agentlab":
                tape: AbstractContextManager[Any] = cassette(paths[which], mode=mode)
            else:
                import vcr

                tape = vcr.use_cassette(paths[which], record_mode=mode)
            with tape:
                agent(model, tools, system)

        result: dict[str, Any] = {}
        for which in whiches:
            run(which, "all")
            result[f"bytes_{which}"] = paths[which].stat().st_size
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", "recorded")
        asked = len(server.requests)
        found: dict[str, list[float]] = {which: [] for which in whiches}
        for _ in range(rounds):
            for which in whiches:
                start = time.process_time()
                run(which, "none")
                found[which].append(1000 * (time.process_time() - start))
        if len(server.requests) != asked:
            raise SystemExit("a replay asked the server")
        for which in whiches:
            if rounds:
                result[f"replay_ms_{which}"] = round(statistics.median(found[which]), 1)
            paths[which].unlink()  # vcrpy's mode `all` adds to what there is
            run(which, "all", SYSTEM.replace("manager", "supervisor", 1))
            result[f"diff_bytes_{which}"] = len(git(folder, "diff", "--", paths[which].name))
        return result


def recordings(rounds: int, steps: int = 40) -> dict[str, Any]:
    """See :func:`rerecorded`."""
    with tempfile.TemporaryDirectory() as name:
        return rerecorded(Path(name), steps, rounds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.beside")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    os.environ.pop("CI", None)
    print(machine(), file=sys.stderr)
    print(json.dumps(recordings(rounds) | suites(rounds), indent=1))
