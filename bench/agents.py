"""`python -m bench.agents --data FOLDER`: agents on GSM8K, side by side on one model.

FOLDER has GSM8K's `test.jsonl`, or else another part of it as JSONL (Cobbe et al., Training
Verifiers to Solve Math Word Problems, 2021).
Each result is a line of the file `--results`, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.report import machine
from bench.shares import sign_test, wilson

TITLES = {
    "ours": "`create_agent`, calculator",
    "cot": "chain of thought, no tools",
    "executor": "AgentExecutor (langchain-classic), calculator",
    "native": "OpenAI-style loop, calculator",
}


def main() -> None:
    options = _options()
    from agentlab import load_model
    from bench.agent_methods import METHODS

    file = _file(options.data)
    problems = _problems(file, options.first, options.problems)
    shape = {"parallel": options.parallel} if options.parallel > 1 else {}
    if options.threads:
        shape["n_threads"] = options.threads
    model = load_model(options.model, temperature=0, seed=1, max_tokens=1000, **shape)
    about = hashlib.sha256(json.dumps([model.identity, file.name]).encode()).hexdigest()[:12]
    results = _read(options.results, about)
    methods = options.methods.split(",")
    lock = threading.Lock()

    def run(name: str, number: int, question: str, gold: str) -> None:
        key = f"{name}/{number}"
        found = _solve(METHODS[name], model, question, gold)
        with lock, options.results.open("a") as file:
            results[key] = found
            file.write(json.dumps({"run": about, "key": key, **found}) + "\n")
            mark = "right" if found["right"] else f"wrong ({gold})"
            print(f"{key}: {mark}, {found['seconds']:.0f} s", flush=True)

    todo = [  # all ways of a problem side by side, so that a run cut short is still fair
        (name, number, *problem)
        for number, problem in ([] if options.table else problems)
        for name in methods
        if f"{name}/{number}" not in results
    ]
    with ThreadPoolExecutor(options.parallel) as threads:
        list(threads.map(lambda each: run(*each), todo))
    for number, (_, gold) in problems:  # by the rule of today, whenever it was run
        for name in methods:
            if found := results.get(f"{name}/{number}"):
                found["right"] = is_right(found["answer"], gold)
    done = [n for n, _ in problems if all(f"{name}/{n}" in results for name in methods)]
    if not done:
        raise SystemExit("no problem was solved in all ways")
    print(table(results, done, methods), "\n")
    print("\n".join(paired(results, done, methods)))
    print(f"\n{machine()}; {options.model.rpartition('/')[2]}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.agents")
    parser.add_argument("--data", type=Path, required=True, help="the folder of GSM8K")
    parser.add_argument("--model", default="smollm2", help="a model's spec")
    parser.add_argument("--problems", type=int, default=100, help="how many (100)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first (0)")
    parser.add_argument("--methods", default=",".join(TITLES), help="of " + ", ".join(TITLES))
    parser.add_argument(
        "--parallel",
        type=int,
        default=1,
        help="runs at a time, decoded together; seconds are then shared by all",
    )
    parser.add_argument("--threads", type=int, help="llama.cpp's (as many as pay just now)")
    parser.add_argument("--table", action="store_true", help="of the results so far; run nothing")
    parser.add_argument("--results", type=Path, default=Path("agents.jsonl"))
    options = parser.parse_args()
    unknown = set(options.methods.split(",")) - set(TITLES)
    if unknown:
        parser.error(f"unknown method {', '.join(sorted(unknown))}")
    return options


def _file(folder: Path) -> Path:
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise SystemExit(f"{folder} has no .jsonl file of GSM8K")
    return next((file for file in files if file.name == "test.jsonl"), files[0])


def _problems(file: Path, first: int, count: int) -> list[tuple[int, tuple[str, str]]]:
    found = []
    for number, line in enumerate(file.read_text().splitlines()[first : first + count], first):
        problem = json.loads(line)
        gold = problem["answer"].rpartition("####")[2].strip().replace(",", "")
        found.append((number, (problem["question"], gold)))
    return found


def _read(file: Path, about: str) -> dict[str, dict[str, Any]]:
    if not file.exists():
        return {}
    lines = [json.loads(line) for line in file.read_text().splitlines() if line.endswith("}")]
    return {line["key"]: line for line in lines if line["run"] == about}


def _solve(method: Any, model: Any, question: str, gold: str) -> dict[str, Any]:
    from agentlab.chains.usage import UsageCounter

    usage = UsageCounter()
    started = time.monotonic()
    outcome = method(model, question, usage)
    outcome.model_calls = usage.usage.model_calls
    outcome.tokens = usage.usage.input_tokens + usage.usage.output_tokens
    return {
        **outcome.as_dict(),
        "right": is_right(outcome.answer, gold),
        "seconds": time.monotonic() - started,
    }


_BOXED = re.compile(r"\\boxed\{([^{}]*)\}")


def is_right(answer: str, gold: str) -> bool:
    """Whether the number in ``answer`` is ``gold``: the one in a TeX box, or else the last."""
    answer = (_BOXED.findall(answer) or [answer])[-1]
    numbers = re.findall(r"-?\d[\d,]*(?:\.\d+)?", answer)
    return bool(numbers) and abs(float(numbers[-1].replace(",", "")) - float(gold)) < 1e-6


def table(results: dict[str, dict[str, Any]], numbers: list[int], methods: list[str]) -> str:
    """One line a method, as Markdown."""
    lines = [
        "| way | right | 95 % interval | steps | malformed | unknown tools | no answer | cut short "
        "| model calls a problem | tokens a problem | seconds a problem |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in methods:
        rows = [results[f"{name}/{n}"] for n in numbers]

        def total(key: str, rows: list[dict[str, Any]] = rows) -> float:
            return sum(row[key] for row in rows)

        each = len(rows)
        low, high = wilson(int(total("right")), each)
        lines.append(
            f"| {TITLES[name]} | {total('right')} of {each} | {low:.0%} to {high:.0%} "
            f"| {total('steps')} | {total('malformed')} | {total('unknown_tools')} "
            f"| {sum(not row['answer'].strip() for row in rows)} "
            f"| {sum(bool(row['stopped']) for row in rows)} "
            f"| {total('model_calls') / each:.1f} | {total('tokens') / each:.0f} "
            f"| {total('seconds') / each:.0f} |"
        )
    return "\n".join(lines)


def paired(results: dict[str, dict[str, Any]], numbers: list[int], methods: list[str]) -> list[str]:
    """The first method against each other one, on the same problems: an exact sign test."""
    first, *others = methods
    lines = []
    for other in others:
        pairs = [
            (results[f"{first}/{n}"]["right"], results[f"{other}/{n}"]["right"]) for n in numbers
        ]
        better, worse = pairs.count((True, False)), pairs.count((False, True))
        lines.append(
            f"- {TITLES[first]} against {TITLES[other]}: {better} problems only the first got "
            f"right, {worse} only the second; p = {sign_test(better, worse):.2g}"
        )
    return lines


if __name__ == "__main__":
    main()
