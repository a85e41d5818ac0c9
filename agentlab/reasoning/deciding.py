"""A model's decision between a few words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from langchain_core.runnables import Runnable

from agentlab.errors import ConfigError, InvalidOutput
from agentlab.reasoning.models import holds, structured

RIVALS = 20  # likeliest tokens looked at


def check_choices(choices: Sequence[str]) -> None:
    """Refuse choices that differ in no first letter.

    Raises:
        ConfigError: their first letters are not all different.
    """
    firsts = {choice[:1].casefold() for choice in choices}
    if len(choices) < 2 or "" in firsts or len(firsts) < len(choices):
        raise ConfigError(
            f"the verdicts {list(choices)} cannot be told apart by their first letters"
        )


def deciding(model: Any, choices: Sequence[str]) -> Runnable[Any, Any]:
    """``model``, so that it can say nothing but one of ``choices``.

    Raises:
        ConfigError: the model can be held to no form.
    """
    match holds(model):
        case "grammar":
            told = {"choices": list(choices), "logprobs": True, "top_logprobs": RIVALS}
            bound: Runnable[Any, Any] = model.bind(**told, max_tokens=16)
            return bound
        case "schema":
            schema = {
                "title": "verdict",
                "description": "The decision.",
                "type": "object",
                "properties": {"verdict": {"type": "string", "enum": list(choices)}},
                "required": ["verdict"],
                "additionalProperties": False,
            }
            return structured(model, schema)
    raise ConfigError(
        f"{type(model).__name__} can be held to no form, so it can't give a verdict",
        hint="use a GGUF model, or one with structured output",
    )


def verdict_of(output: Any, choices: Sequence[str]) -> tuple[str, dict[str, float]]:
    """The verdict, and the share of each choice: of a local model by the probability of its first
    token, of a hosted one 1 for what it said.

    Raises:
        InvalidOutput: it is none of ``choices``.
    """
    if isinstance(output, dict):
        if output["parsing_error"] is not None:
            raise output["parsing_error"]
        said = str(output["parsed"]["verdict"])
        return said, {choice: float(choice == said) for choice in choices}
    said = str(output.text).strip()
    if said not in choices:
        raise InvalidOutput(f"the verdict is none of {', '.join(choices)}", text=said)
    content = (output.response_metadata.get("logprobs") or {}).get("content") or []
    if not content:
        return said, {choice: float(choice == said) for choice in choices}
    weights = dict.fromkeys(choices, 0.0)
    entries = {e["token"]: e for e in [*content[0].get("top_logprobs", []), content[0]]}
    for entry in entries.values():
        token = str(entry["token"]).strip().casefold()
        for choice in choices if token else ():
            if choice.casefold().startswith(token):
                weights[choice] += math.exp(entry["logprob"])
    total = sum(weights.values())
    if not total:
        return said, {choice: float(choice == said) for choice in choices}
    return said, {choice: weight / total for choice, weight in weights.items()}
