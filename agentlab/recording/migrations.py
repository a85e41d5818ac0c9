"""Older formats, brought up to the present one while they are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agentlab.errors import NewerFormat
from agentlab.recording.chunks import without_timings
from agentlab.recording.columns import write_table

Line = dict[str, Any]
Upgrade = Callable[[Line], Line]


def _from_0(line: Line) -> Line:
    """Version 0 called the last line's latency `seconds`, and a step's target `name`."""
    if "seconds" in line and "end" in line:
        line = {**line, "latency": line["seconds"]}
        del line["seconds"]
    if "step" in line and "name" in line:
        line = {**line, "target": line["name"]}
        del line["name"]
    return line


def _from_1(line: Line) -> Line:
    """Version 1 had seconds and usage in the last line, and the times of local models in steps."""
    if "end" in line and "latency" in line:
        tables = [
            {"steps": [[number]], **write_table([{"usage": _usage(usage)}])}
            for number, usage in enumerate(line.get("usage", ()), 1)
            if usage is not None
        ]
        ms = [seconds * 1000 for seconds in line["latency"]]
        return {"end": line["end"], "ms": ms, "tables": tables}
    reply = line.get("reply")
    if "step" in line and line.get("kind") == "model" and isinstance(reply, dict):
        for place in (reply.get("extra"), reply.get("fields")):
            if isinstance(place, dict):
                without_timings(place)
                if place is reply.get("extra") and not place:
                    del reply["extra"]
        for chunk in line.get("chunks") or ():
            if isinstance(chunk, dict):
                without_timings(chunk)
    return line


def _usage(usage: Any) -> Any:
    if isinstance(usage, list):
        read, written = usage
        return {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
    return usage


# From version n to n + 1.
_STEPS: tuple[Upgrade, ...] = (_from_0, _from_1)


def migrated(header: Line, name: str) -> Upgrade:
    """What brings each line of the file with ``header`` up to the present format.

    Raises:
        NewerFormat: a later AgentLab wrote the file.
    """
    from agentlab.recording.cassette import VERSION

    version = header["cassette"]
    if not 0 <= version <= VERSION:
        raise NewerFormat(
            f"{name} is a recording of format {version}; this AgentLab reads up to {VERSION}",
            hint="upgrade AgentLab, or record again",
        )
    steps = _STEPS[version:]

    def upgrade(line: Line) -> Line:
        for step in steps:
            line = step(line)
        return line

    return upgrade
