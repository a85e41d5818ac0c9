"""Recordings beside vcrpy's and pytest-recording's, of the same calls of the same chat model.

Run it with ``python -m bench.beside``; it prints one JSON object. Both record langchain-openai's
model against a server on loopback. Times are CPU milliseconds, the median of rounds in which all
take turns; sizes are bytes. ``--promptfoo`` and ``--inspect`` say where promptfoo and inspect-ai
are installed; their suites then take turns with the others, with warm caches.
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
from bench import beside_others
from bench.beside_others import SYSTEM as SYSTEM_OF_ONE
from bench.beside_others import Suite
from bench.cassettes import SYSTEM, agent, look_up, prose
from bench.report import machine
from bench.scenarios import cpu_ms
from tests.support.openai_server import OpenAIServer, openai_server

CODE = """
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

def triage(model):
    prompt = ChatPromptTemplate.from_messages([("system", "SYSTEM"), ("user", "{t}")])
    return prompt | model | StrOutputParser()
""".replace("SYSTEM", SYSTEM_OF_ONE)
EDITED = "What is this about?"
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


def suites_of(folder: Path) -> list[Suite]:
    """Ours, and the same tests with pytest-recording, written in ``folder``."""
    code = folder / "code_under_test.py"
    code.write_text(CODE)
    for count in (1, 200):
        (folder / f"ours{count}").mkdir()
        (folder / f"ours{count}" / "s.yaml").write_text(ours(count))
        (folder / f"theirs{count}").mkdir()
        tests = THEIRS.replace("COUNT", str(count))
        (folder / f"theirs{count}" / f"test_{count}.py").write_text(tests)
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio"]
    test = [sys.executable, "-m", "agentlab", "test", "oursCOUNT", "--record"]
    with_ours = [*pytest, "-p", "no:recording", "oursCOUNT", "--agentlab-record"]
    theirs = [*pytest, "-p", "no:agentlab", "theirsCOUNT", "--record-mode"]
    own = {"PYTHONPATH": str(folder)}
    return [
        Suite(name, [*command, "none"], code, own, [*command, "once"])
        for name, command in (
            ("agentlab_test", test),
            ("pytest_agentlab", with_ours),
            ("pytest_recording", theirs),
        )
    ]


def suites(rounds: int, promptfoo: Path | None, inspect: Path | None) -> dict[str, Any]:
    """CPU of suites of 1 and of 200 tests, and of what any of them imports."""
    with tempfile.TemporaryDirectory() as name, openai_server() as server:
        server.reply("It is about billing.")
        folder = Path(name)
        (folder / "agentlab.toml").touch()
        programs = suites_of(folder)
        if promptfoo:
            programs.append(beside_others.promptfoo(folder, promptfoo, server.url))
        if inspect:
            programs.append(beside_others.inspect(folder, inspect))
        provider = {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "none"}
        imports = [(key, [sys.executable, "-c", code], {}) for key, code in IMPORTS.items()]
        runs = [
            (f"{suite.name}_{count}", suite.of(count), provider | suite.environment)
            for count in (1, 200)
            for suite in programs
        ]
        for suite in programs:
            for count in (1, 200):
                cpu_ms(suite.of(count, record=True), folder, **provider, **suite.environment)
        asked = len(server.requests)
        found: dict[str, list[float]] = {key: [] for key, _, _ in [*imports, *runs]}
        for number in range(rounds):
            for key, command, environment in [*imports, *runs]:
                found[key].append(cpu_ms(command, folder, **environment)[0])
                print(f"round {number + 1}: {key} {found[key][-1]:.0f}", file=sys.stderr)
        if len(server.requests) != asked:
            raise SystemExit("a replay asked the server")
        edits = {suite.name: edited(suite, folder, provider, server) for suite in programs}
    result: dict[str, Any] = {key: round(statistics.median(v), 1) for key, v in found.items()}
    for key in edits:
        each = [(b - a) / 199 for a, b in zip(found[f"{key}_1"], found[f"{key}_200"], strict=True)]
        result[f"{key}_each_more"] = round(statistics.median(each), 2)
    return result | {"edited": edits}


def edited(
    suite: Suite, folder: Path, provider: dict[str, str], server: OpenAIServer
) -> dict[str, Any]:
    """What the suite of one test says when a word of the system prompt is edited."""
    before, asked = suite.prompt.read_text(), len(server.requests)
    suite.prompt.write_text(before.replace(SYSTEM_OF_ONE, EDITED))
    try:
        done = subprocess.run(
            suite.of(1),
            cwd=folder,
            env={**os.environ, **provider, **suite.environment},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        suite.prompt.write_text(before)
    return {
        "exit": done.returncode,
        "asked the model": len(server.requests) - asked,
        "shows the edit": "[-it-]{+this+}" in done.stdout,
    }


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
    parser.add_argument("--promptfoo", type=Path, help="its executable, or where npm installed it")
    parser.add_argument("--inspect", type=Path, help="the folder with the package inspect_ai")
    options = parser.parse_args()
    os.environ.pop("CI", None)
    print(machine(), file=sys.stderr)
    result = recordings(options.rounds)
    result |= suites(options.rounds, options.promptfoo, options.inspect)
    print(json.dumps(result, indent=1))
