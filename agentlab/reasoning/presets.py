"""Sampling presets: temperature and top_p for a kind of text.

Which of the two is high and which is low for which use is the table of sampling parameters in
J. Alammar and M. Grootendorst, *Hands-On Large Language Models* (O'Reilly, 2024), chapter 6. The
table says only "high" and "low"; the numbers are ours.
"""

from __future__ import annotations

import difflib
from typing import Any

from agentlab.errors import ConfigError

HIGH_TEMPERATURE, LOW_TEMPERATURE = 1.0, 0.2
HIGH_TOP_P, LOW_TOP_P = 0.95, 0.5

PRESETS: dict[str, dict[str, float]] = {
    # many ideas, far from each other
    "brainstorming": {"temperature": HIGH_TEMPERATURE, "top_p": HIGH_TOP_P},
    # predictable and plain
    "email": {"temperature": LOW_TEMPERATURE, "top_p": LOW_TOP_P},
    # surprising, and still one text
    "creative_writing": {"temperature": HIGH_TEMPERATURE, "top_p": LOW_TOP_P},
    # faithful, with a wide choice of words
    "translation": {"temperature": LOW_TEMPERATURE, "top_p": HIGH_TOP_P},
}


def preset(name: str) -> dict[str, float]:
    """The settings called ``name``: ``load_model("smollm2", **preset("email"))``.

    Raises:
        ConfigError: there is no such preset.
    """
    if not isinstance(name, str):
        raise ConfigError(
            f"a preset is named by a text, not {name!r}", hint=f"there are {', '.join(PRESETS)}"
        )
    key = name.strip().lower().replace("-", "_").replace(" ", "_")
    if key not in PRESETS:
        near = difflib.get_close_matches(key, PRESETS, n=1)
        raise ConfigError(
            f"there is no preset {name!r}",
            hint=f"did you mean {near[0]!r}?" if near else f"there are {', '.join(PRESETS)}",
        )
    return dict(PRESETS[key])


def with_preset(runnable: Any, name: str) -> Any:
    """``runnable`` with the preset on each chat model in it, over what they have.

    Raises:
        ConfigError: there is no such preset, or no chat model in it.
    """
    from agentlab.reasoning.models import find_model, with_settings

    changed = with_settings(runnable, preset(name))
    if changed is runnable and find_model(runnable) is None:
        raise ConfigError(
            f"there is no chat model in {type(runnable).__name__} to set {name} on",
            hint="give a chat model, prompt | model or a chain of them",
        )
    return changed
