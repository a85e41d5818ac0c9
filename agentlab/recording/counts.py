"""Counts of tokens, kept with a recording: replay has no tokenizer.

Counting is no call at the boundary: it changes no answer by itself. What it changes, which messages
a model is shown, is in the recorded requests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from agentlab.boundary import handlers
from agentlab.offline import is_offline
from agentlab.recording.hashing import digest
from agentlab.recording.messages import CallIds, normal_form

_CONTEXT = "context"


def counted(messages: Sequence[Any], count: Callable[[], int]) -> int | None:
    """The tokens of ``messages``: as recorded, or ``count()``, which a recording in force keeps.

    None in replay, where they were not counted when it was recorded.
    """
    ids = CallIds()
    return _kept(lambda: digest([normal_form(message, ids) for message in messages]), count)


def counted_context(measure: Callable[[], int | None]) -> int | None:
    """Likewise the tokens that a model can read and write together."""
    return _kept(lambda: _CONTEXT, measure)


def _kept(key: Callable[[], str], measure: Callable[[], int | None]) -> int | None:
    from agentlab.recording.tape import Tape

    tape = next((h for h in reversed(handlers()) if isinstance(h, Tape)), None)
    if tape is None:
        return measure()
    known: dict[str, int] = tape.meta.get("counts", {})
    mark = key()
    if mark in known:
        return known[mark]
    if is_offline():
        return None
    value = measure()
    if value is not None:
        tape.meta["counts"] = dict(sorted({**known, mark: value}.items()))
    return value
