"""A tool call in a process of its own, which can be killed whatever the tool does.

The parent sends the tool's file and arguments as JSON to ``python -m agentlab.tools.child`` and
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


def job(file: Path, arguments: dict[str, Any], policy: ToolPolicy) -> Job[tuple[Any, Any]]:
    """The job of calling the tool in ``file``: it gives the text and the artifact."""
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

    def call(self) -> tuple[Any, Any]:
        command = [sys.executable, "-P", "-m", "agentlab.tools.child"]
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
