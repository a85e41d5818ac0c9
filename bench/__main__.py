"""`python -m bench`: run all, print the table, write RESULTS.md."""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

from bench.report import machine, table


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench ARGS=")
    parser.add_argument("--rounds", type=int, default=30, help="rounds of each comparison (30)")
    parser.add_argument("--no-write", action="store_true", help="leave RESULTS.md as it is")
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("--rounds must be 2 or more: a spread needs two values")

    where = machine()
    print(where, flush=True)
    from bench.calls import calls, chain
    from bench.startup import startup

    found = []
    for section in (startup, calls, chain):
        found += section(options.rounds)
        print(f"{section.__name__}: done", flush=True)
    result = table(found)
    print(result)
    if not options.no_write:
        text = RESULTS.format(date=datetime.datetime.now(datetime.UTC).date(), machine=where)
        Path(__file__).with_name("RESULTS.md").write_text(text + result + "\n")


RESULTS = """# What AgentLab costs

`make bench` wrote this on {date}. Ours and theirs run in turn, in one process, round after round.
Theirs is a bare `llama_cpp.Llama` with the same file, prompt tokens, parameters and threads; for
the start it is an empty Python.

{machine}

"""

if __name__ == "__main__":
    main()
