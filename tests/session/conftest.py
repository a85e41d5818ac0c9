from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableLambda

from agentlab.session import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "sessions.db")


class Echo:
    """A target that answers ``re: QUESTION`` and remembers what it was shown."""

    def __init__(self) -> None:
        self.shown: list[list[BaseMessage]] = []

    def __call__(self, given: dict[str, Any]) -> str:
        self.shown.append(list(given["history"]))
        return f"re: {given['input']}"

    def runnable(self) -> Runnable[Any, str]:
        return RunnableLambda(self)


@pytest.fixture
def echo() -> Echo:
    return Echo()


Make = Callable[..., Any]
