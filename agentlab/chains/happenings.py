"""What passes between the parts of a chain while it runs."""

from __future__ import annotations

from contextvars import Context
from typing import Any, NamedTuple

from langchain_core.runnables.utils import AddableDict

from agentlab.cancellation import Cancellation
from agentlab.events import Event


class Happening(NamedTuple):
    """The event that tells what happened, what it adds to the output, or both."""

    event: Event | None
    chunk: AddableDict | None = None


class Run(NamedTuple):
    """What the steps of one run share. ``context`` runs things under ``scope``."""

    values: dict[str, Any]
    scope: Cancellation
    context: Context
