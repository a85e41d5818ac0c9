"""The YAML at the head of a prompt file, with the line of each key."""

from __future__ import annotations

from typing import Any

from agentlab import _yaml
from agentlab._yaml import Located
from agentlab.errors import PromptError

__all__ = ["Located", "read_yaml"]


def read_yaml(text: str, file: str, first_line: int) -> Any:
    """The value of ``text``, mappings as :class:`Located`; its first line is ``first_line``.

    Raises:
        PromptError: not YAML, a key twice or not text, an alias, an unknown tag.
    """
    return _yaml.read_yaml(text, file, error=PromptError, first_line=first_line, aliases=False)
