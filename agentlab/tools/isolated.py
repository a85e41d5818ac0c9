"""A tool call in a process of its own, which can be killed whatever the tool does.

The parent sends the tool's file and arguments as JSON to ``python -m agentlab.tools.isolated`` and
gets the result's text back. The child leads a process group, so what it started dies with it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from agentlab.errors import ToolError
from agentlab.tools.policy import ToolPolicy
from agentlab.tools.running import Job

_MAX_ARTIFACT = 1_000_000  # characters of JSON


def job(file: Path, arguments: dict[str, Any], policy: ToolPolicy) -> Job[Any]:
    """The job of calling the tool in ``file``."""
    from pydantic_core import to_jsonable_python

    plain = {k: v for k, v in arguments.items() if k not in ("config", "run_manager")}
    request = {
        "file": str(file),
        "arguments": to_jsonable_python(plain),
        "limit": policy.max_result,
        "seconds": math.ceil(policy.timeout) + 5,
    }
    child = _Child(json.dumps(request))
    return Job(child.call, stop=child.kill)


class _Child:
    def __init__(self, request: str) -> None:
        self._request = request
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False

    def call(self) -> Any:
        command = [sys.executable, "-P", "-m", "agentlab.tools.isolated"]
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        if self._killed:
            self.kill()
        answer, _ = self._process.communicate(self._request.encode())
        try:
            reply = json.loads(answer)
        except ValueError:
            status = self._process.returncode
            raise ToolError(
                f"the tool's process ended with the status {status} and no result",
                hint="change the arguments, or go on without it",
            ) from None
        if "error" in reply:
            raise ToolError(reply["error"], hint=reply["hint"])
        return reply["content"], reply["artifact"]

    def kill(self) -> None:
        self._killed = True
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


def main() -> None:
    """The child: one request on stdin, one reply on what was stdout."""
    with os.fdopen(os.dup(1), "w") as reply:
        os.dup2(2, 1)  # what the tool prints is no part of the reply
        request = json.loads(sys.stdin.buffer.read())
        if hasattr(signal, "alarm"):
            signal.alarm(request["seconds"])  # also ends when the parent is gone
        json.dump(_answer(request), reply)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    from agentlab.tools.guarded import guard
    from agentlab.tools.loading import read_tool_file
    from agentlab.tools.policy import ToolPolicy

    tool, policy = read_tool_file(Path(request["file"]))
    here = ToolPolicy(timeout=policy.timeout, max_result=request["limit"])
    call = {
        "type": "tool_call",
        "id": "isolated",
        "name": tool.name,
        "args": request["arguments"],
    }
    try:
        message = guard(tool, here).invoke(call)
    except ToolError as error:
        return {"error": str(error), "hint": error.hint}
    if message.status == "error":
        return {"error": message.content.removeprefix("Error: "), "hint": ""}
    return {"content": message.content, "artifact": _portable(message.artifact)}


def _portable(artifact: Any) -> Any:
    try:
        return artifact if len(json.dumps(artifact)) <= _MAX_ARTIFACT else None
    except (TypeError, ValueError):
        return None


if __name__ == "__main__":
    main()
