"""A model's second look at an answer, as a rule."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from agentlab.prompts import Prompt, load_prompt
from agentlab.reasoning.deciding import deciding, verdict_of
from agentlab.reasoning.models import chat_model, with_settings
from agentlab.reasoning.steps import Ask
from agentlab.untrusted import NOTICE, wrap

_YES, _NO = "yes", "no"


def second_look(
    model: Any, question: str, *, problem: str = "", prompt: str | Prompt = "reason/second_look"
) -> SecondLook:
    """A rule: ``model`` answers ``question`` about the text with yes; anything else is a problem.

    It can say nothing but yes or no. The text is marked as data, so that it is not obeyed.

    Args:
        model: a chat model, perhaps another than the one that wrote the text.
        question: such as "Is the text polite?"; yes means that all is well.
        problem: what is told where the answer is no.

    Raises:
        ConfigError: the model can be held to no form.
    """
    asked = with_settings(chat_model(model, "second_look"), {"temperature": 0.0})
    return SecondLook(asked, question, problem, load_prompt(prompt))


class SecondLook:
    """See :func:`second_look`."""

    def __init__(self, model: Any, question: str, problem: str, prompt: Prompt) -> None:
        self.model = model
        self.question = question
        self.problem = problem or f"a second look answered no to: {question}"
        self._prompt = prompt
        self._deciding = deciding(model, (_YES, _NO))

    def check(self, text: str) -> Generator[Any, Any, list[str]]:
        """Ask the model about ``text``."""
        values = {"question": self.question, "text": wrap(text, "answer"), "notice": NOTICE}
        output = yield Ask(self._deciding, self._prompt.render(values))
        said, _ = verdict_of(output, (_YES, _NO))
        return [] if said == _YES else [self.problem]
