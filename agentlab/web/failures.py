"""Why a search failed: the engines ask to wait, or cannot be reached."""

from __future__ import annotations

from agentlab.errors import ToolError


def rate_limited(who: str) -> ToolError:
    """Too many requests."""
    return ToolError(
        f"the search was refused, as there were too many requests: {who}",
        hint="do not search again now; answer from what you have, and say so",
    )


def out_of_order(who: str) -> ToolError:
    """No connection, no answer in time, or none that can be read."""
    return ToolError(
        f"the search is out of order: {who}",
        hint="answer from what you have, and say that the search failed",
    )
