"""`python -m bench`: run all, print the table, write RESULTS.md."""

from __future__ import annotations

import argparse
import datetime
import time
from pathlib import Path

from bench.report import machine, table

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench ARGS=")
    parser.add_argument("--rounds", type=int, default=30, help="rounds of each comparison (30)")
    parser.add_argument("--no-write", action="store_true", help="leave RESULTS.md as it is")
    parser.add_argument(
        "--clock",
        choices=CLOCKS,
        default="wall",
        help="of calls and chains: seconds passed, or CPU seconds where the machine is busy (wall)",
    )
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("--rounds must be 2 or more: a spread needs two values")

    where = machine()
    print(where, flush=True)
    from bench.calls import calls, chain
    from bench.startup import startup

    found = []
    clock = CLOCKS[options.clock]
    for name, section in (
        ("startup", lambda: startup(options.rounds)),
        ("calls", lambda: calls(options.rounds, clock)),
        ("chain", lambda: chain(options.rounds, clock)),
    ):
        found += section()
        print(f"{name}: done", flush=True)
    result = table(found)
    print(result)
    if not options.no_write:
        text = RESULTS.format(
            date=datetime.datetime.now(datetime.UTC).date(),
            arguments=f"--rounds {options.rounds} --clock {options.clock}",
            machine=where,
        )
        path = Path(__file__).with_name("RESULTS.md")
        _, mark, others = path.read_text().partition("\n## ")  # sections of other benchmarks
        path.write_text(text + result + "\n" + mark + others)


RESULTS = """# What AgentLab costs

`make bench ARGS="{arguments}"` wrote this on {date}. Ours and theirs run in turn, in one process,
round after round. Theirs is a bare `llama_cpp.Llama` with the same file, prompt tokens, parameters
and one thread, told to forget the prompt before; for the start it is an empty Python. Times are
wall-clock seconds, or CPU seconds of all threads with `--clock cpu`; of the start always CPU.

{machine}

"""

if __name__ == "__main__":
    main()
