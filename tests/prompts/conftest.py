from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agentlab.prompts import Prompt, load_prompt

Write = Callable[..., Prompt]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a prompt file and load it."""

    def write(text: str, name: str = "mine") -> Prompt:
        file = tmp_path / f"{name}.md"
        file.write_text(text, encoding="utf-8", newline="")
        return load_prompt(file)

    return write
