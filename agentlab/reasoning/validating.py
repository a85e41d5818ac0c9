"""Answers that are checked, and asked for again with what exactly is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, convert_to_messages
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable

from agentlab.chains.steps import needs
from agentlab.errors import ConfigError, InvalidOutput
from agentlab.events import Considered, Token
from agentlab.prompts import load_prompt
from agentlab.reasoning.models import (
    copied,
    find_model,
    holds,
    seed_of,
    split,
    takes_history,
    whole,
    with_settings,
)
from agentlab.reasoning.program import Reasoning
from agentlab.reasoning.rules import check_rules, problems_of
from agentlab.reasoning.steps import Ask, Program
from agentlab.reasoning.wanted import Wanted, wanted


def validated(
    chain: Runnable[Any, Any],
    *,
    schema: dict[str, Any] | type | None = None,
    choices: Sequence[str] | None = None,
    regex: str | re.Pattern[str] | None = None,
    grammar: str | None = None,
    rules: Sequence[Any] = (),
    retries: int = 2,
) -> Validated:
    """``chain``, whose answers fit a form and keep ``rules``, or are asked for again.

    A local model decodes under the form, a hosted one gives structured output; any answer is
    checked again. One that does not fit, was cut, or breaks a rule is refused: the model is shown
    it and what exactly is wrong, up to ``retries`` times (Madaan et al., *Self-Refine*, 2023, show
    that models mend answers so; here what is wrong is found by code, not by the model). A chain
    that does not end in a chat model (a ``StrOutputParser`` aside) is only run again.

    The result is the value: an instance or dict for ``schema``, else a text.

    Args:
        chain: a chat model, ``prompt | model``, or any Runnable.
        schema: a pydantic class, TypedDict or JSON schema.
        choices: texts, one of which is the answer.
        regex: what the whole answer matches, a text or a compiled pattern.
        grammar: GBNF, of a local model.
        rules: functions of the answer's text that return what is wrong, or nothing: those of
            :mod:`agentlab.reasoning.rules`, ``second_look``, or your own. Of a structured answer
            they are given its values, decoded, as lines ``name: value``.
        retries: how often it is asked again.

    Raises:
        ConfigError: an argument is wrong, or there is nothing to check.
        GrammarError: a form does not compile.
        InvalidOutput: (when run) no answer was right; ``text`` is the last one.
    """
    form = wanted(schema, choices, regex, grammar)
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
        raise ConfigError(f"retries must be 0 or more, not {retries!r}")
    if form == Wanted() and not rules:
        raise ConfigError("there is nothing to check", hint="give schema, choices, regex or rules")
    check_rules(rules)
    return Validated(chain, form, tuple(rules), retries)


class Validated(Reasoning):
    """See :func:`validated`. Streams a ``Considered`` event for each refused answer."""

    label = "validated"

    def __init__(
        self, chain: Runnable[Any, Any], form: Wanted, rules: tuple[Any, ...], retries: int
    ) -> None:
        self.chain = chain
        self.takes_history = takes_history(chain)
        self._form = form
        self._rules = rules
        self._retries = retries
        self._parts()  # a form that does not compile is told now

    def __repr__(self) -> str:
        return f"Validated({self.chain!r}, retries={self._retries})"

    @property
    def model(self) -> Any:
        """The chat model in its chain, None where none is seen."""
        return find_model(self.chain)

    def needed(self) -> list[str]:
        """What its chain needs."""
        return needs(self.chain)

    def mapped(self, change: Callable[[Any], Any]) -> Validated:
        """A copy that asks ``change(chain)``."""
        chain = change(self.chain)
        return self if chain is self.chain else copied(self, chain=chain)

    def _parts(self) -> tuple[Runnable[Any, Any] | None, Runnable[Any, Any]] | None:
        """What makes the messages, and the model held to the form; None for another chain."""
        try:
            head, model = self.kept(self.chain, "split", lambda: split(self.chain))
        except ConfigError:
            return None
        return head, self.kept(self.chain, "held", lambda: self._form.bound(model))

    def program(self, input: Any) -> Program:
        """Ask until the answer is right."""
        parts = self._parts()
        messages: list[BaseMessage] = []
        if parts is not None:
            made = input if parts[0] is None else (yield Ask(parts[0], input))
            messages = self._told(_messages(made))
        asking, problems, text = messages, [""], ""
        for attempt in range(self._retries + 1):
            try:
                if parts is not None:
                    output = yield Ask(parts[1], asking)
                else:
                    output = yield Ask(self._again(attempt), input)
                read = self._form.read(output)
                text, problems = read.text, list(read.problems)
            except InvalidOutput as error:
                text, problems = error.text, [str(error)]
            else:
                if not problems:
                    problems = yield from problems_of(self._rules, read.plain)
                if not problems:
                    if isinstance(read.value, str):
                        yield Token(read.value)
                    return read.value
            yield Considered("refused", text, {"attempt": attempt + 1, "problems": problems})
            told = load_prompt("reason/again").render({"problems": problems})
            asking = [*messages, AIMessage(text or "…"), *told]
        raise InvalidOutput(
            f"no answer of {self._retries + 1} was right; of the last: {'; '.join(problems)}",
            text=text,
            hint="give more retries or max_tokens, or ask for less in the prompt",
        )

    def _again(self, attempt: int) -> Runnable[Any, Any]:
        """The chain of an attempt: one with a seed would only say the same again."""
        found: Runnable[Any, Any] = self.kept(self.chain, attempt, lambda: self._seeded(attempt))
        return found

    def _seeded(self, attempt: int) -> Runnable[Any, Any]:
        chain: Runnable[Any, Any] = self.chain
        seed = seed_of(chain)
        if attempt and seed is not None:
            chain = with_settings(chain, {"seed": seed + attempt})
        held = self._form.given or self._form.grammar is not None
        return whole(chain) if held else chain

    def _told(self, messages: list[BaseMessage]) -> list[BaseMessage]:
        """``messages``, with the form in words where the model can't be held to it."""
        _, model = split(self.chain)
        can = holds(model)
        held = can == "grammar" or (can == "schema" and self._form.regex is None)
        if held or not self._form.given or not isinstance(messages[-1], HumanMessage):
            return messages
        return [*messages[:-1], HumanMessage(f"{messages[-1].text}\n\n{self._form.told()}")]


def _messages(made: Any) -> list[BaseMessage]:
    if isinstance(made, PromptValue):
        return made.to_messages()
    if isinstance(made, str):
        return [HumanMessage(made)]
    if isinstance(made, BaseMessage):
        return [made]
    if isinstance(made, list | tuple) and made:
        with suppress(ValueError, TypeError, NotImplementedError, KeyError):
            return convert_to_messages(list(made))
    raise ConfigError(
        f"a chat model reads a text or messages, not {type(made).__name__}",
        hint='a mapping needs a prompt before the model: load_prompt("…") | model',
    )
