"""Chats without a terminal, on scripted models."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentlab.cli.console import Console
from agentlab.cli.repl.chat import Options
from agentlab.cli.repl.opening import Opening
from agentlab.cli.repl.repl import Repl


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., str]:
    """Write a script of replies (texts or mappings), and return the spec of its model."""

    def write(*replies: Any, name: str = "script") -> str:
        entries = [{"say": r} if isinstance(r, str) else r for r in replies]
        file = tmp_path / f"{name}.yaml"
        file.write_text(yaml.safe_dump({"replies": entries}, allow_unicode=True))
        return f"scripted:{file}"

    return write


class Talk:
    """A chat whose output is read after each line."""

    def __init__(self, options: Options, **settings: Any) -> None:
        self.console = Console(io.StringIO(), io.StringIO())
        self.repl = Repl(self.console, Opening(options), **settings)

    def __call__(self, line: str) -> str:
        """What ``line`` made: stdout, then stderr."""
        for stream in (self.console.out, self.console.err):
            stream.seek(0)
            stream.truncate()
        self.repl.handle(line)
        return self.console.out.getvalue() + self.console.err.getvalue()  # type: ignore[attr-defined]


@pytest.fixture
def talk(script: Callable[..., str], tmp_path: Path, monkeypatch: Any) -> Iterator[Any]:
    """Open a chat on a model that says these replies, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    opened: list[Talk] = []

    def make(*replies: Any, **options: Any) -> Talk:
        options.setdefault("model", script(*replies))
        opened.append(Talk(Options(**options)))
        return opened[-1]

    yield make
    for each in opened:
        each.repl.close()
