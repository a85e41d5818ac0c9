"""CPU time (user and system) of starting, beside that of an empty Python."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

from bench.measure import Comparison, side_by_side


def startup(rounds: int) -> list[Comparison]:
    """``import agentlab`` and ``agentlab --help``, each against ``python -c pass``."""
    python = sys.executable
    nothing = [python, "-c", "pass"]
    cases = [
        ("`import agentlab`", [python, "-c", "import agentlab"], 0.15),
        ("`agentlab --help`", [str(Path(python).parent / "agentlab"), "--help"], 0.4),
    ]
    found = []
    for name, command, limit in cases:
        clock = _ChildClock()
        ours, theirs, _ = side_by_side(
            lambda _, command=command, clock=clock: clock.run(command),  # type: ignore[misc]
            lambda _, clock=clock: clock.run(nothing),  # type: ignore[misc]
            rounds,
            clock,
        )
        middle = statistics.median(ours)
        found.append(
            Comparison(
                f"{name} beside an empty Python (CPU)",
                ours,
                theirs,
                target=f"under {limit} s of CPU",
                met=middle < limit,
            )
        )
    return found


class _ChildClock:
    """The CPU seconds of all commands run so far."""

    def __init__(self) -> None:
        self.seconds = 0.0
        # Compiled modules are cached as on a user's machine.
        self.environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def __call__(self) -> float:
        return self.seconds

    def run(self, command: list[str]) -> None:
        process = subprocess.Popen(
            command,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert process.stderr
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stderr.close()
        if status:
            raise SystemExit(f"{' '.join(command)} failed: {said.decode()}")
        self.seconds += usage.ru_utime + usage.ru_stime
