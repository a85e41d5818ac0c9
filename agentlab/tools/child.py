"""What runs in the process of an isolated tool: one request on stdin, one reply on stdout."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from agentlab.errors import ToolError
from agentlab.tools.guarded import guard
from agentlab.tools.loading import read_tool_file
from agentlab.tools.policy import ASSUMED, ToolPolicy

_MAX_ARTIFACT = 1_000_000  # characters of JSON


def main() -> None:
    """Read the request, call the tool, write the reply."""
    with os.fdopen(os.dup(1), "w") as reply:
        os.dup2(2, 1)  # what the tool prints is no part of the reply
        request = json.loads(sys.stdin.buffer.read())
        if hasattr(signal, "alarm"):
            signal.alarm(request["seconds"])  # also ends when the parent is gone
        json.dump(_answer(request), reply)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    tool, policy = read_tool_file(Path(request["file"]))
    timeout = (policy or ASSUMED).timeout
    here = ToolPolicy(timeout=timeout, max_result=request["limit"])
    try:
        content, artifact = guard(tool, here)._run(**request["arguments"], config={})
    except ToolError as error:
        return {"error": str(error), "hint": error.hint}
    return {"content": content, "artifact": _portable(artifact)}


def _portable(artifact: Any) -> Any:
    try:
        return artifact if len(json.dumps(artifact)) <= _MAX_ARTIFACT else None
    except (TypeError, ValueError):
        return None


if __name__ == "__main__":
    main()
