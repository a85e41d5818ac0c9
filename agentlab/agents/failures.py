"""What a model raises that is none of our errors, as one of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from agentlab.errors import AgentLabError, ModelError
from agentlab.tools.results import shorten

_MAX_MESSAGE = 500  # characters


@contextmanager
def model_failures() -> Iterator[None]:
    """Raise what a model of others raises in the block as a ModelError.

    Raises:
        ModelError: it failed.
    """
    try:
        yield
    except AgentLabError:
        raise
    except Exception as error:
        graph = sys.modules.get("langgraph.errors")  # an interrupt is no failure
        if graph is not None and isinstance(error, graph.GraphBubbleUp):
            raise
        raise ModelError(
            f"the model failed with {type(error).__name__}: {shorten(str(error), _MAX_MESSAGE)}"
        ) from error
