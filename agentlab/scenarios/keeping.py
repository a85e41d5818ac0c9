"""Models that one process makes once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

_made: dict[str, BaseChatModel] = {}


def kept(key: Any, make: Callable[[], BaseChatModel]) -> BaseChatModel:
    """The model made under ``key`` before, or now.

    For models that can be used again: nothing of one call shows in the next.
    """
    mark = json.dumps(key, sort_keys=True, default=str)
    if mark not in _made:
        _made[mark] = make()
    return _made[mark]
