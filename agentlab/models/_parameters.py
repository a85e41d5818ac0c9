"""A model's parameters: names checked, and those that it refuses."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Any

from agentlab.errors import ConfigError


def check_parameters(params: Mapping[str, Any], known: Collection[str], whose: str) -> None:
    """Refuse a parameter that is not among ``known``.

    Raises:
        ConfigError: names the parameter; its hint names the nearest known one, or all.
    """
    for name in params:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(sorted(known))}"
            raise ConfigError(f"{whose} has no parameter {name!r}", hint=hint)


_REASONING = re.compile(r"(?:.*/)?(?:o\d|gpt-5)(?!.*chat)", re.IGNORECASE)


def not_taken(model: Any) -> tuple[str, ...]:
    """The sampling parameters that ``model`` has a field for and refuses to be given.

    OpenAI's reasoning models sample in one way only; LangChain leaves out a temperature they are
    made with, and would send one that is set later.
    """
    name = str(getattr(model, "model_name", "") or "")
    if "openai" not in str(getattr(model, "_llm_type", "")) or not _REASONING.match(name):
        return ()
    effort = (getattr(model, "reasoning", None) or {}).get("effort")
    if "none" in (effort, getattr(model, "reasoning_effort", None)):
        return ()
    return ("temperature", "top_p")
