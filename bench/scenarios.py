"""Scenarios: the CPU of starting for one, of each more, and one report digest over many replays.

Run it with ``python -m bench.scenarios``; it prints one JSON object. Times are CPU milliseconds of
all processes: the median of several runs, and the least of them, which is what a machine that does
other work too disturbs least. ``--replays 100`` is how many reports are compared, over
hash seeds and numbers of processes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

SHOP = """
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.output_parsers import StrOutputParser

def triage(model):
    prompt = ChatPromptTemplate.from_messages([("system", "What is it about?"), ("user", "{t}")])
    return prompt | model | StrOutputParser()
"""
BARE = """
import sys
import shop
from langchain_core.language_models import FakeListChatModel
for number in range(int(sys.argv[1])):
    shop.triage(FakeListChatModel(responses=["billing"])).invoke({"t": f"charged twice {number}"})
"""
TALK = "replies: [{say: billing, repeat: true}]\n"
REPORT = """
import hashlib, json, sys
from agentlab.scenarios.report import as_json
from agentlab.scenarios.running import Options
from agentlab.scenarios.suite import run_suite
suite = run_suite([sys.argv[1]], Options(record="none"), processes=int(sys.argv[2]))
print(hashlib.sha256(json.dumps(as_json(suite)).encode()).hexdigest(), suite.counts())
"""


def scenarios(count: int) -> str:
    """A file of ``count`` scenarios of one model call each."""
    one = (
        "- {{id: s{0}, chain: 'shop:triage', model: talk, input: {{t: card charged twice {0}}},"
        " expect: {{contains: billing}}}}\n"
    )
    head = "agentlab: 1\nmodels: {talk: {scripted: talk.yaml}}\nscenarios:\n"
    return head + "".join(one.format(number) for number in range(count))


def cpu_ms(command: list[str], folder: Path, **environment: str) -> tuple[float, str]:
    """The CPU time of a command and of the processes it started, and what it wrote."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "CI")}
    process = subprocess.Popen(
        command, cwd=folder, env={**kept, **environment}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if status:
        raise SystemExit(f"{' '.join(command)} failed:\n{said}")
    return 1000 * (usage.ru_utime + usage.ru_stime), said


def main(rounds: int, replays: int) -> dict[str, Any]:
    """Measure everything."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "agentlab.toml").touch()
        (folder / "shop.py").write_text(SHOP)
        (folder / "talk.yaml").write_text(TALK)
        for count in (1, 200):
            (folder / f"scenarios{count}").mkdir()
            (folder / f"scenarios{count}" / "s.yaml").write_text(scenarios(count))
        command = [sys.executable, "-m", "agentlab", "test"]
        found: dict[str, list[float]] = {"import_langchain_models": []}
        found |= {"bare_1": [], "bare_200": []}  # the chains alone, on LangChain's own fake model
        bare = [sys.executable, "-c", "import langchain_core.language_models.chat_models"]
        for count in (1, 200):
            cpu_ms([*command, f"scenarios{count}", "--record", "once"], folder)
            found[f"replay_{count}"] = []
        for _ in range(rounds):
            found["import_langchain_models"].append(cpu_ms(bare, folder)[0])
            for count in (1, 200):
                script = [sys.executable, "-c", BARE, str(count)]
                found[f"bare_{count}"].append(cpu_ms(script, folder)[0])
                arguments = [*command, f"scenarios{count}", "--record", "none"]
                found[f"replay_{count}"].append(cpu_ms(arguments, folder)[0])
        result: dict[str, Any] = {"median": summary(found, statistics.median)}
        result["least"] = summary(found, min)
        result |= digests(folder, replays)
        return result


def summary(found: dict[str, list[float]], of: Callable[[list[float]], float]) -> dict[str, float]:
    """One number for each measurement, and what each scenario more takes."""
    result = {name: round(of(times), 1) for name, times in found.items()}
    for what in ("bare", "replay"):
        more = (result[f"{what}_200"] - result[f"{what}_1"]) / 199
        result[f"{what}_each_more"] = round(more, 2)
    return result


def digests(folder: Path, replays: int) -> dict[str, Any]:
    """How many different reports there are, over hash seeds and numbers of processes."""
    seen = set()
    for number in range(replays):
        command = [sys.executable, "-c", REPORT, "scenarios200", str(1 + number % 3)]
        seen.add(cpu_ms(command, folder, PYTHONHASHSEED=str(number % 10))[1])
    marks = [hashlib.sha256(text.encode()).hexdigest()[:12] for text in sorted(seen)]
    return {"replays": replays, "different_reports": len(seen), "digests": marks}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.scenarios")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--replays", type=int, default=100)
    options = parser.parse_args()
    print(json.dumps(main(options.rounds, options.replays), indent=1))
