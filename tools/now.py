"""The date and time, as a tool."""

from __future__ import annotations

import difflib
from zoneinfo import ZoneInfo, available_timezones

from langchain_core.tools import tool

from agentlab import clock
from agentlab.errors import ToolError
from agentlab.tools import ToolPolicy

POLICY = ToolPolicy(timeout=5, untrusted=False)


@tool(parse_docstring=True)
def now(timezone: str = "UTC") -> str:
    """Tell the current date, weekday and time.

    Args:
        timezone: An IANA time zone, such as Europe/Amsterdam.
    """
    names = {name.lower(): name for name in available_timezones()}
    name = names.get(timezone.strip().lower())
    if name is None:
        near = difflib.get_close_matches(timezone.strip().lower(), names, n=1)
        raise ToolError(
            f"{timezone!r} is no time zone",
            hint=f"did you mean {names[near[0]]}?"
            if near
            else "write one such as Europe/Amsterdam",
        )
    return clock.now().astimezone(ZoneInfo(name)).strftime(f"%A %Y-%m-%d %H:%M:%S %z ({name})")
