"""A model as judge: its verdicts come with their probabilities."""

from __future__ import annotations

from typing import Any

from agentlab.evaluation.sentences import without_marks
from agentlab.models.verdicts import Verdict, decide

YES_NO = ("yes", "no")
MARKS = ("1", "2", "3", "4", "5")


class Judge:
    """Judges with ``model`` by the prompts ``judge/*.md``, which a project can have its own of.

    What it reads is marked as data, so that it is not taken for instructions.

    Args:
        model: a chat model. Local ones (``gguf:…``) tell probabilities, hosted ones only verdicts.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    def support(self, passage: str, statement: str) -> Verdict:
        """yes or no: everything the statement says follows from the passage."""
        return self._decide("support", YES_NO, passage=passage, statement=statement)

    def supports(self, passage: str, statement: str) -> float:
        """The probability of yes: a support function for faithfulness and citations."""
        return self.support(passage, statement).share("yes")

    def relevance(self, question: str, answer: str) -> Verdict:
        """yes or no: the answer speaks to the question."""
        return self._decide("relevance", YES_NO, question=question, answer=without_marks(answer))

    def fluency(self, answer: str) -> Verdict:
        """A mark from 1 to 5 for how well the answer is written."""
        return self._decide("fluency", MARKS, answer=without_marks(answer))

    def utility(self, question: str, answer: str) -> Verdict:
        """A mark from 1 to 5 for how useful the answer is to who asked."""
        return self._decide("utility", MARKS, question=question, answer=without_marks(answer))

    def _decide(self, name: str, choices: tuple[str, ...], **texts: str) -> Verdict:
        from agentlab.prompts import load_prompt
        from agentlab.untrusted import NOTICE, wrap

        marked = {key: wrap(text, key) for key, text in texts.items()}
        messages = load_prompt(f"judge/{name}").render({"notice": NOTICE, **marked})
        return decide(self._model, messages, choices)


def expected_mark(verdict: Verdict) -> float:
    """The mean mark by the probabilities, brought from 1 to 5 to 0 to 1."""
    mean = sum(int(mark) * verdict.share(mark) for mark in MARKS)
    return (mean - 1) / (len(MARKS) - 1)
