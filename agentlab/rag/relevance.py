"""Whether what an answer cites answers the question that was asked.

A sentence can be in a document, word for word, and tell something else: who made movable type,
where the question was who invented the telephone. Rerankers score such near misses as high as
answers. A model of 1.5 billion parameters that is asked for yes or no, with its probability, tells
them apart (``python -m bench.refusals``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from langchain_core.runnables import RunnableConfig

from agentlab.errors import ConfigError
from agentlab.models.verdicts import decide
from agentlab.prompts import load_prompt
from agentlab.untrusted import NOTICE, wrap

MinRelevance = float | Literal["auto"] | None
PROMPT = "rag/relevance"
# Of the probability of yes: 36 of 38 answers lay above it, 39 of 40 near misses below.
ENOUGH = 0.25
_CHOICES = ("yes", "no")
_BOX = "smollm2"  # its yes and no are chance


class Relevance:
    """Asks ``model``, and holds that ``minimum`` of the probability of yes is enough."""

    def __init__(self, model: Any, minimum: float) -> None:
        self._model = model
        self.minimum = minimum

    def of(
        self,
        question: str,
        citations: Sequence[Mapping[str, Any]],
        config: RunnableConfig | None = None,
    ) -> float:
        """The probability, from 0 to 1, that the quotes of ``citations`` answer ``question``."""
        quotes = dict.fromkeys((str(c["title"] or ""), str(c["quote"])) for c in citations)
        text = "\n".join(f"{title}: {said}" if title else said for title, said in quotes)
        values = {"notice": NOTICE, "text": wrap(text, "text"), "question": question}
        messages = load_prompt(PROMPT).render(values)
        return decide(self._model, messages, _CHOICES, config).share("yes")


def relevance_of(model: Any, minimum: MinRelevance) -> Relevance | None:
    """The check with ``model``; ``auto``: for local models, but for the one in the box.

    Raises:
        ConfigError: ``minimum`` is no probability, or the model tells none.
    """
    local = model._llm_type == "gguf"
    if minimum == "auto":
        return Relevance(model, ENOUGH) if local and model.spec != _BOX else None
    if minimum is None:
        return None
    if isinstance(minimum, bool) or not isinstance(minimum, int | float) or not 0 < minimum <= 1:
        raise ConfigError(
            f"min_relevance must be above 0 and at most 1, not {minimum!r}",
            hint="auto is for local models, None for no check",
        )
    if not local:
        raise ConfigError(
            f"min_relevance needs a local model, which tells probabilities, not "
            f"{type(model).__name__}",
            hint="leave it out",
        )
    return Relevance(model, minimum)
