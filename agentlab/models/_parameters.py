"""Checking the names of a model's parameters."""

from __future__ import annotations

import difflib
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
