"""`python -m bench.reasoning PART`: ways of reasoning, and answers held to a form.

gsm8k     direct, chain of thought and self-consistency on GSM8K (Cobbe et al., Training Verifiers
          to Solve Math Word Problems, 2021), the methods in turn on each problem
schemas   answers under 30 JSON schemas, checked by the library jsonschema
retries   validated() beside LangChain's with_retry and output parser

Each result is a line of the file `--results`, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.report import machine


def main() -> None:
    options = _options()
    from agentlab import load_model

    shape = {"parallel": options.parallel} if options.parallel > 1 else {}
    if options.threads:
        shape["n_threads"] = options.threads
    model = load_model(options.model, temperature=0, seed=1, max_tokens=options.max_tokens, **shape)
    rows = _read(options.results)
    done = {row["key"] for row in rows}
    lock = threading.Lock()

    def run(key: str, make: Callable[[], dict[str, Any]]) -> None:
        row = {"key": key, **make()}
        with lock, options.results.open("a") as file:
            rows.append(row)
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

    parts = _PARTS[options.part](options, model)
    todo = [] if options.table else [part for part in parts if part[0] not in done]
    with ThreadPoolExecutor(options.runs) as threads:
        list(threads.map(lambda part: run(*part), todo))
    print(_table(options, rows))
    print(f"\n{machine()}; {options.model.rpartition('/')[2]}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.reasoning")
    parser.add_argument("part", choices=("gsm8k", "schemas", "retries"))
    parser.add_argument("--data", type=Path, help="the folder of GSM8K")
    parser.add_argument("--model", default="smollm2", help="a model's spec")
    parser.add_argument("--problems", type=int, default=100, help="how many (100)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first (0)")
    parser.add_argument("--methods", default="direct,cot,sc5,sc10,sc10-one")
    parser.add_argument("--answers", type=int, default=1000, help="how many, under schemas (1000)")
    parser.add_argument("--max-tokens", type=int, default=400)
    parser.add_argument("--results", type=Path, default=Path("reasoning.jsonl"))
    parser.add_argument("--parallel", type=int, default=1, help="answers decoded together (1)")
    parser.add_argument("--threads", type=int, help="llama.cpp's (as many as pay just now)")
    parser.add_argument("--runs", type=int, default=1, help="problems at a time (1)")
    parser.add_argument("--table", action="store_true", help="only show what there is")
    return parser.parse_args()


def _read(file: Path) -> list[dict[str, Any]]:
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text().splitlines() if line.endswith("}")]


def _gsm8k(options: argparse.Namespace, model: Any) -> Iterator[Any]:
    from bench.reasoning_gsm8k import gold_of, is_right, solve

    for number, problem in _problems(options).items():
        gold = gold_of(problem)
        for method in options.methods.split(","):

            def make(
                number: int = number, method: str = method, problem: Any = problem, gold: str = gold
            ) -> dict[str, Any]:
                found = solve(method, model, problem["question"], number)
                right = is_right(found["answer"], gold)
                print(method, number, right, f"{found['seconds']:.0f} s", flush=True)
                return {"number": number, "method": method, "right": right, **found}

            yield f"gsm8k/{method}/{number}", make


def _problems(options: argparse.Namespace) -> dict[int, dict[str, str]]:
    file = next(f for f in sorted(options.data.glob("*.jsonl")))
    lines = file.read_text().splitlines()[options.first : options.first + options.problems]
    return {number: json.loads(line) for number, line in enumerate(lines, options.first)}


def _schemas(options: argparse.Namespace, model: Any) -> Iterator[Any]:
    from bench.reasoning_schemas import SCHEMAS, generate

    names = sorted(SCHEMAS)
    for number in range(options.answers):
        name = names[number % len(names)]
        yield (
            f"schemas/{name}/{number}",
            lambda name=name, number=number: generate(model, name, number),
        )


def _retries(options: argparse.Namespace, model: Any) -> Iterator[Any]:
    from bench.reasoning_retries import WAYS, ask, cases

    for number, case in enumerate(cases(options.problems)):
        for way in WAYS:
            yield (
                f"retries/{way}/{number}",
                lambda way=way, case=case, number=number: ask(way, model, case, number),
            )


_PARTS = {"gsm8k": _gsm8k, "schemas": _schemas, "retries": _retries}


def _table(options: argparse.Namespace, rows: list[dict[str, Any]]) -> str:
    mine = [row for row in rows if row["key"].startswith(f"{options.part}/")]
    if options.part == "gsm8k":
        from bench.reasoning_gsm8k import gold_of, table

        problems = _problems(options) if options.data else {}
        golds = {number: gold_of(problem) for number, problem in problems.items()}
        return table(mine, options.methods.split(","), golds)
    if options.part == "schemas":
        from bench.reasoning_schemas import table as schemas_table

        return schemas_table(mine)
    from bench.reasoning_retries import table as retries_table

    return retries_table(mine)


if __name__ == "__main__":
    main()
