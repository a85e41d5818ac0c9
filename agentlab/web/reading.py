"""HTML to a title and readable text, in a process that is killed when it takes too long.

A page can be made to keep any parser busy for ever, in C code that no exception stops.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import nullcontext

from agentlab.cancellation import current, raise_if_cancelled
from agentlab.errors import ToolError

MAX_SECONDS = 10.0


def read_html(html: str, url: str, *, timeout: float = MAX_SECONDS) -> tuple[str, str]:
    """The title (may be empty) and the text of a page, without menus and advertisements.

    Raises:
        ToolError: it could not be read, or not in time.
        TurnCancelled: the scope in force was cancelled.
    """
    command = [sys.executable, "-P", "-m", "agentlab.web.reader"]
    request = json.dumps({"html": html, "url": url}).encode()
    scope = current()
    with (
        subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as reader,
        scope.listening(reader.kill) if scope else nullcontext(),
    ):
        try:
            answer, _ = reader.communicate(request, timeout=timeout)
        except subprocess.TimeoutExpired:
            raise ToolError("the page could not be read in time", hint="use another page") from None
        finally:
            reader.kill()
    raise_if_cancelled()
    try:
        found = json.loads(answer)
    except ValueError:
        raise ToolError("the page could not be read", hint="use another page") from None
    return found["title"], found["text"]
