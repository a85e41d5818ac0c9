"""A model's decision between a few words, with its probability."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentlab.errors import EvaluationError, InvalidOutput

_RIVALS = 100  # likeliest tokens reported; the most that a local model gives


@dataclass(frozen=True, slots=True)
class Verdict:
    """``choice`` is what was decided, ``probability`` its share among the choices.

    ``probabilities`` has the shares of all, together 1; None from a hosted model, which tells none.
    ``mass`` is how much of the model's own probability fell on the choices: near 0, it would have
    said something else, and the verdict means little.
    """

    choice: str
    probabilities: Mapping[str, float] | None = None
    mass: float | None = None

    @property
    def probability(self) -> float | None:
        """The share of ``choice``."""
        return None if self.probabilities is None else self.probabilities[self.choice]

    def share(self, choice: str) -> float:
        """The share of ``choice``; without probabilities 1 if it was decided, else 0."""
        if self.probabilities is None:
            return float(choice == self.choice)
        return self.probabilities[choice]


def decide(
    model: Any, messages: Sequence[Any], choices: Sequence[str], config: Any = None
) -> Verdict:
    """Have ``model`` decide between ``choices``, which must differ in their first letter.

    A local model can write nothing else; the probabilities are those of its first token, in upper
    or lower case, with or without a space before. A hosted one gives structured output.

    Raises:
        EvaluationError: choices that cannot be told apart by their first letter.
        InvalidOutput: a hosted model decided for something else.
    """
    firsts = {choice[:1].casefold() for choice in choices}
    if len(choices) < 2 or "" in firsts or len(firsts) < len(choices):
        raise EvaluationError(
            f"the choices {list(choices)} cannot be told apart by their first letter"
        )
    if getattr(model, "_llm_type", "") != "gguf":
        return _structured(model, messages, choices, config)
    bound = model.bind(
        choices=list(choices), logprobs=True, top_logprobs=_RIVALS, temperature=0, max_tokens=16
    )
    message = bound.invoke(list(messages), config)
    first = message.response_metadata["logprobs"]["content"][0]
    return _of_first_token([first, *first["top_logprobs"]], choices)


def _of_first_token(entries: Sequence[Mapping[str, Any]], choices: Sequence[str]) -> Verdict:
    weights = dict.fromkeys(choices, 0.0)
    for entry in {tuple(entry["bytes"]): entry for entry in entries}.values():
        token = str(entry["token"]).strip().casefold()
        for choice in choices if token else ():
            if choice.casefold().startswith(token):
                weights[choice] += math.exp(entry["logprob"])
    mass = math.fsum(weights.values())
    if not mass:  # the written token's probability is below the smallest float
        token = str(entries[0]["token"]).strip().casefold()
        weights = {choice: float(choice.casefold().startswith(token)) for choice in choices}
    total = mass or 1.0
    shares = {choice: weight / total for choice, weight in weights.items()}
    return Verdict(max(shares, key=lambda choice: shares[choice]), shares, min(mass, 1.0))


def _structured(
    model: Any, messages: Sequence[Any], choices: Sequence[str], config: Any
) -> Verdict:
    schema = {
        "title": "Verdict",
        "description": "The decision.",
        "type": "object",
        "properties": {"verdict": {"type": "string", "enum": list(choices)}},
        "required": ["verdict"],
        "additionalProperties": False,
    }
    found = model.with_structured_output(schema).invoke(list(messages), config)
    verdict = found.get("verdict") if isinstance(found, Mapping) else None
    if verdict not in choices:
        raise InvalidOutput(
            f"the judge gave no verdict out of {', '.join(choices)}", text=str(found)[:1_000]
        )
    return Verdict(str(verdict))
