"""No network and no model file, for as long as everything must come from a recording.

The network is watched with an audit hook, which sees every connection that Python code opens in
any thread. Native code that reads a model file is not seen by it, so whoever loads one asks
:func:`raise_if_offline` first.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from agentlab.errors import Offline

_lock = threading.Lock()
_depth = 0  # of the process, not of a context: a plain thread must not get around it
_hooked = False


@contextmanager
def offline() -> Iterator[None]:
    """Refuse network connections and model loading, in all threads, for the block."""
    global _depth, _hooked
    with _lock:
        if not _hooked:
            sys.addaudithook(_watch)
            _hooked = True
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1


@contextmanager
def allowed() -> Iterator[None]:
    """Lift it for the block, in all threads: for work that the user asked for by name."""
    global _depth
    with _lock:
        before, _depth = _depth, 0
    try:
        yield
    finally:
        with _lock:
            _depth += before


def is_offline() -> bool:
    """Whether a block of :func:`offline` is open."""
    return _depth > 0


def raise_if_offline(what: str) -> None:
    """Refuse ``what`` ("load the model x.gguf") inside a block of :func:`offline`.

    Raises:
        Offline: names ``what``.
    """
    if _depth > 0:
        raise Offline(
            f"replay may not {what}: every answer must come from the recording",
            hint="record again (--record once, new or all), or hand the object to recordable()",
        )


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _depth == 0:
        return
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        raise_if_offline(f"look up the host {arguments[0]!r}")
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        host, port = arguments[1][:2]
        raise_if_offline(f"connect to {host}:{port}")
    elif event == "ctypes.dlopen" and "libllama" in str(arguments[0]):
        raise_if_offline("load llama.cpp")
