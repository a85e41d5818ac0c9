"""The lines typed in all chats, in a file that only its owner can read."""

from __future__ import annotations

import contextlib
import os
import re
from datetime import datetime
from pathlib import Path

from prompt_toolkit.history import FileHistory

_SECRET = re.compile(r"/(model|set)\b.*\b(api_?key|secret|password)", re.IGNORECASE)


class HistoryFile(FileHistory):
    """The lines in ``path``, newest last. A line that gives a key is not kept.

    A line is written by one call, so chats side by side do not mix theirs. A history that cannot
    be written is no reason to stop a chat.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        super().__init__(str(path))

    def store_string(self, string: str) -> None:
        """Add ``string`` to the file."""
        if _SECRET.match(string):
            return
        when = datetime.now().astimezone().isoformat(timespec="seconds")
        lines = "".join(f"+{line}\n" for line in string.split("\n"))
        entry = f"\n# {when}\n{lines}".encode("utf-8", "replace")
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(file, entry)
            finally:
                os.close(file)
