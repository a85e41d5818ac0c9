"""The comparisons as a Markdown table."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

from bench.measure import Comparison, quartiles


def table(found: list[Comparison]) -> str:
    """One line a comparison: medians and quartiles in milliseconds, ratio and difference."""
    lines = [
        "| what | rounds | ours, ms | theirs, ms | ratio | ours less theirs, ms | target |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for one in found:
        verdict = {None: "", True: ": met", False: ": **missed**"}[one.met]
        lines.append(
            f"| {one.name} | {len(one.ours)} | {_spread(one.ours)} | {_spread(one.theirs)} "
            f"| {one.ratio:.3f} | {_spread(one.differences)} | {one.target}{verdict} |"
        )
    notes = [f"- {one.name}: {one.note}" for one in found if one.note]
    return "\n".join([*lines, "", "Each cell: median (lower to upper quartile).", *notes])


def _spread(seconds: list[float]) -> str:
    low, middle, high = (f"{1000 * value:.2f}" for value in quartiles(seconds))
    return f"{middle} ({low} to {high})"


def machine() -> str:
    """The machine and the versions, one line."""
    cpu = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [s for s in information.read_text().splitlines() if s.startswith("model name")]
        cpu = names[0].split(":", 1)[1].strip() if names else cpu
    load = os.getloadavg()[0]
    versions = ", ".join(
        f"{name} {version(name)}" for name in ("llama-cpp-python", "langchain-core")
    )
    return (
        f"{cpu}, {os.cpu_count()} cores, load {load:.1f} at the start; {platform.system()}, "
        f"Python {platform.python_version()}, {versions}"
    )
