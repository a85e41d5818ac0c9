"""Older formats, brought up to the present one while they are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agentlab.errors import NewerFormat

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


# From version n to n + 1.
_STEPS: tuple[Upgrade, ...] = (_from_0,)


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
