"""The tests of :mod:`bench.beside` for promptfoo and inspect-ai, each with its cache on.

Both ask the same server on loopback through their own OpenAI providers, with the same prompt, and
look for the same word. What they can leave out of a run is left out: displays, logs, samples,
telemetry, servers of their own.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SYSTEM = "What is it about?"
INSPECT = f"""
import sys
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes
from inspect_ai.solver import generate, system_message

count = int(sys.argv[1])
samples = [Sample(input=f"card charged twice {{n}}", target="billing") for n in range(count)]
task = Task(
    dataset=samples,
    solver=[system_message("{SYSTEM}"), generate(cache=True)],
    scorer=includes(),
)
[log] = eval(
    task, model="openai/demo", display="none", log_dir="inspect_logs", log_level="error",
    log_samples=False, log_realtime=False, score_display=False, ctl_server=False,
    max_connections=1, model_args={{"responses_api": False}},
)
metrics = log.results.scores[0].metrics if log.results else {{}}
right = log.status == "success" and metrics["accuracy"].value == 1
print(f"{{count}} samples, {{log.status}}, {{'all' if right else 'not all'}} right")
sys.exit(not right)
"""


@dataclass(frozen=True)
class Suite:
    """A program that runs tests. ``COUNT`` in its commands is how many; ``prompt`` is the file
    with the system prompt; ``record`` is the first command, where it is another one."""

    name: str
    command: list[str]
    prompt: Path
    environment: dict[str, str]
    record: list[str] | None = None

    def of(self, count: int, *, record: bool = False) -> list[str]:
        """The command for ``count`` tests."""
        command = (self.record or self.command) if record else self.command
        return [part.replace("COUNT", str(count)) for part in command]


def promptfoo(folder: Path, where: Path, url: str) -> Suite:
    """The tests for promptfoo; ``where`` is the program, or the folder where npm installed it."""
    program = where / "node_modules" / ".bin" / "promptfoo" if where.is_dir() else where
    prompt = folder / "prompt.json"
    roles = (("system", SYSTEM), ("user", "{{t}}"))
    prompt.write_text(json.dumps([{"role": role, "content": text} for role, text in roles]))
    for count in (1, 200):
        tests: list[dict[str, Any]] = [
            {
                "vars": {"t": f"card charged twice {number}"},
                "assert": [{"type": "contains", "value": "billing"}],
            }
            for number in range(count)
        ]
        provider = {"id": "openai:chat:demo", "config": {"apiBaseUrl": url, "apiKey": "none"}}
        config = {"prompts": ["file://prompt.json"], "providers": [provider], "tests": tests}
        (folder / f"promptfoo{count}.json").write_text(json.dumps(config))
    quiet = ("--no-write", "--no-table", "--no-progress-bar", "--no-share")
    environment = {
        "PROMPTFOO_CONFIG_DIR": str(folder / "promptfoo_home"),
        "PROMPTFOO_CACHE_PATH": str(folder / "promptfoo_cache"),
        "PROMPTFOO_DISABLE_TELEMETRY": "1",
        "PROMPTFOO_DISABLE_UPDATE": "1",
        "PROMPTFOO_DISABLE_SHARING": "1",
        "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
    }
    command = [str(program.absolute()), "eval", "-c", "promptfooCOUNT.json", *quiet]
    return Suite("promptfoo", command, prompt, environment)


def inspect(folder: Path, where: Path) -> Suite:
    """The tests for inspect-ai; ``where`` is the folder with its package."""
    script = folder / "inspect_tests.py"
    script.write_text(INSPECT)
    environment = {
        "PYTHONPATH": str(where.absolute()),
        "INSPECT_CACHE_DIR": str(folder / "inspect_cache"),
        "XDG_DATA_HOME": str(folder / "inspect_data"),
    }
    return Suite("inspect", [sys.executable, script.name, "COUNT"], script, environment)
