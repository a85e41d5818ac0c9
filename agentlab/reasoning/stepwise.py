"""Chain of thought: the model reasons before it answers, and the two come back apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.runnables import Runnable

from agentlab.errors import ConfigError, InvalidOutput
from agentlab.events import Thought, Token, Usage
from agentlab.prompts import Prompt, load_prompt
from agentlab.prompts.settings import configured
from agentlab.reasoning.answers import AnswerKind, answer_kind
from agentlab.reasoning.models import chat_model, copied, holds, structured
from agentlab.reasoning.program import Reasoning
from agentlab.reasoning.results import as_result
from agentlab.reasoning.steps import Ask, Program
from agentlab.reasoning.thinking import (
    MARK,
    Thinking,
    ThinkingReader,
    read_thinking,
    thinking_grammar,
    thinking_schema,
)

PHRASE = "Let's think step by step."
PROMPT = "reason/question"
MAX_LINES = 60
_EXAMPLE_KEYS = ("input", "thought", "answer")


def chain_of_thought(
    model: BaseChatModel | Runnable[Any, Any] | str,
    prompt: str | Prompt = PROMPT,
    *,
    phrase: str = PHRASE,
    examples: Sequence[Mapping[str, str]] = (),
    answer: Any = "text",
    max_lines: int = MAX_LINES,
) -> ChainOfThought:
    """Reasoning, then an answer: ``{"answer", "thought", "finished", "usage", "messages"}``.

    A local model writes both under one grammar, a hosted one under a schema, so the answer is never
    looked for in prose. Where a local model ends its thought without the answer, or is cut before
    it (``max_tokens``), it is asked once more, for the answer only, with what it had thought;
    ``finished`` is False where it was cut, also at the longest text there may be.

    Without examples this is zero-shot: ``phrase`` alone makes the model reason (Kojima et al.,
    *Large Language Models are Zero-Shot Reasoners*, 2022). With ``examples``, or those of the
    prompt's file, it is few-shot (Wei et al., *Chain-of-Thought Prompting Elicits Reasoning in
    Large Language Models*, 2022); ``phrase=""`` leaves the phrase out.

    Args:
        model: a chat model, also with parameters bound to it, or its spec.
        prompt: asks the question. How to answer is put behind its last user message. Of its
            ``config`` ``stop`` and ``max_tokens`` are left out: they are for an answer at once.
        examples: each ``{"input", "thought", "answer"}``, shown as turns.
        answer: ``"text"`` (one line, of a local model at most 300 characters), ``"number"``, a list
            of choices, or a compiled pattern.
        max_lines: lines of thought, of a local model.

    Raises:
        ConfigError: an argument is wrong, or the model can be held to no form.
    """
    asked = chat_model(model, "chain_of_thought")
    if holds(asked) == "nothing":
        raise ConfigError(
            f"{type(asked).__name__} can be held to no form, so its answer can't be told apart",
            hint="use a GGUF model, or one with structured output",
        )
    if isinstance(max_lines, bool) or not isinstance(max_lines, int) or max_lines < 1:
        raise ConfigError(f"max_lines must be 1 or more, not {max_lines!r}")
    if not isinstance(examples, list | tuple):
        raise ConfigError(f"examples are a list of mappings, not {type(examples).__name__}")
    for example in examples:
        if not isinstance(example, Mapping) or set(example) != set(_EXAMPLE_KEYS):
            raise ConfigError(
                f"an example of a chain of thought has {', '.join(_EXAMPLE_KEYS)}, not {example!r}"
            )
        for key, value in example.items():
            if not isinstance(value, str):
                raise ConfigError(f"{key!r} of an example must be a text, not {value!r}")
    loaded = load_prompt(prompt)
    # Where a direct answer ends says nothing of a thought: these are left to the model.
    config = {k: v for k, v in loaded.config.items() if k not in ("stop", "max_tokens")}
    return ChainOfThought(
        configured(asked, config), loaded, phrase, examples, answer_kind(answer), max_lines
    )


class ChainOfThought(Reasoning):
    """See :func:`chain_of_thought`. Streams ``Thought`` and ``Token`` events as they come."""

    label = "chain_of_thought"

    def __init__(
        self,
        model: Runnable[Any, Any],
        prompt: Prompt,
        phrase: str,
        examples: Sequence[Mapping[str, str]],
        kind: AnswerKind,
        max_lines: int,
    ) -> None:
        self.model = model
        self.prompt = prompt
        self.takes_history = prompt.takes_history
        self.kind = kind
        self._phrase = phrase
        self._shown = tuple(examples)
        self._max_lines = max_lines
        if holds(model) == "grammar":
            self._bound()  # a pattern that does not compile is told now

    def __repr__(self) -> str:
        return f"ChainOfThought({self.prompt!r}, answer={self.kind.name!r})"

    def needed(self) -> list[str]:
        """The variables of its prompt."""
        return [v.name for v in self.prompt.variables.values() if v.required]

    def mapped(self, change: Callable[[Any], Any]) -> ChainOfThought:
        """A copy whose model is ``change(model)``."""
        model = change(self.model)
        return self if model is self.model else copied(self, model=model)

    def messages(self, input: Any) -> list[BaseMessage]:
        """What the model is shown."""
        messages = self.prompt.render(input)
        form = "lines" if holds(self.model) == "grammar" else "json"
        values = {"phrase": self._phrase, "answer": self.kind.told, "form": form}
        how = load_prompt("reason/think").render(values)[-1].text.strip()
        last = next((m for m in reversed(messages) if isinstance(m, HumanMessage)), None)
        if last is None:
            raise ConfigError(f"prompt {self.prompt.name} has no user message to answer")
        at = len(messages) - 1 - messages[::-1].index(last)
        messages[at] = HumanMessage(f"{last.text}\n\n{how}")
        turns: list[BaseMessage] = []
        for example in self._shown:
            turns += [
                HumanMessage(f"{example['input']}\n\n{how}"),
                AIMessage(_example(example, form)),
            ]
        first = next((n for n, m in enumerate(messages) if m.type != "system"), 0)
        return [*messages[:first], *turns, *messages[first:]]

    def program(self, input: Any) -> Program:
        """One call; a second one where the first was cut."""
        messages = self.messages(input)
        if holds(self.model) == "schema":
            thinking = yield from self._by_schema(messages)
            finished = True
        else:
            message = yield Ask(self._bound(), messages, ThinkingReader().take)
            cut = message.response_metadata.get("finish_reason") == "length"
            thinking = read_thinking(str(message.text), cut=cut)
            finished = not cut
            if thinking.answer is None:
                thinking = yield from self._answer_only(messages, thinking.thought)
            else:
                thinking = replace(thinking, answer=self.kind.normal(thinking.answer))
                yield Token(str(thinking.answer))
            finished = finished and not self.kind.is_full(str(thinking.answer))
        return {"answer": thinking.answer, "thought": thinking.thought, "finished": finished}

    def _bound(self) -> Runnable[Any, Any]:
        """The model under the grammar."""

        def bound() -> Any:
            return self.model.bind(lark=thinking_grammar(self.kind, self._max_lines))

        held: Runnable[Any, Any] = self.kept(self.model, "lark", bound)
        return held

    def finished(self, value: Any, usage: Usage) -> Any:
        """The result."""
        return as_result(value, usage)

    def _by_schema(self, messages: list[BaseMessage]) -> Any:
        schema = thinking_schema(self.kind)
        held = self.kept(self.model, "schema", lambda: structured(self.model, schema))
        found = yield Ask(held, messages)
        if found["parsing_error"] is not None:
            raise found["parsing_error"]
        parsed = found["parsed"]
        thinking = Thinking(str(parsed["thought"]).strip(), self.kind.read(parsed["answer"]))
        yield Thought(thinking.thought)
        yield Token(str(thinking.answer))
        return thinking

    def _answer_only(self, messages: list[BaseMessage], thought: str) -> Any:
        """The second question of Kojima et al.: the answer, given the thought."""
        told = load_prompt("reason/answer_only").render({"answer": self.kind.told})[-1]
        asking = [*messages, AIMessage(thought), told] if thought else [*messages, told]
        pattern = self.kind.pattern
        held = self.kept(self.model, "answer", lambda: self.model.bind(regex=pattern))
        message = yield Ask(held, asking)
        text = self.kind.normal(str(message.text))
        if message.response_metadata.get("finish_reason") == "length":
            raise InvalidOutput(
                "the answer was cut before it was whole", text=text, hint="give more max_tokens"
            )
        yield Token(text)
        return Thinking(thought, text)


def _example(example: Mapping[str, str], form: str) -> str:
    if form == "json":
        return json.dumps({"thought": example["thought"], "answer": example["answer"]})
    return f"{example['thought']}{MARK}{example['answer']}"
