"""The progress of a download: a bar on a terminal, or a callback; cancelled between chunks."""

from __future__ import annotations

import threading
from typing import Any

from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

from agentlab import cancellation
from agentlab.models.checksums import Progress


def bar(progress: Progress | None) -> type[tqdm]:
    """A class of progress bars for the hub library.

    Its own bar shows itself on stderr, only where that is a terminal. With ``progress``, nothing
    is shown.
    """
    scope, thread = cancellation.current(), threading.get_ident()

    class Bar(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            if progress is not None:
                kwargs["disable"] = True
            self._done = int(kwargs.get("initial") or 0)
            self._all = int(kwargs.get("total") or 0)
            super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]

        def update(self, n: float | None = 1) -> bool | None:
            # Only in our own thread: a downloader's threads must not see our exception.
            if scope is not None and threading.get_ident() == thread:
                scope.raise_if_cancelled()
            self._done += int(n or 0)
            if progress is not None:
                progress(self._done, self._all)
            return super().update(n)  # type: ignore[no-any-return]

    return Bar
