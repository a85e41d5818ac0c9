"""Few-shot prompts: which examples are shown, how many fit, and in what shape."""

from __future__ import annotations

import asyncio
import contextvars
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from langchain_core.embeddings import Embeddings
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.prompt_values import ChatPromptValue
from langchain_core.runnables import RunnableConfig

from agentlab.errors import ConfigError, PromptError
from agentlab.prompts import Prompt, load_prompt
from agentlab.prompts.reading import Example, PromptFile
from agentlab.reasoning.example_files import read_examples

Shape = Literal["turns", "block"]


def few_shot(
    prompt: str | Path | Prompt,
    examples: str | Path | Sequence[Any] | None = None,
    *,
    k: int | None = None,
    embeddings: Embeddings | str | None = None,
    max_tokens: int | None = None,
    count: Any = None,
    shape: Shape = "turns",
) -> FewShotPrompt:
    """``prompt`` with examples: all, the first ``k``, or the ``k`` most like the input.

    The model learns the task from the examples in its context (Brown et al., *Language Models are
    Few-Shot Learners*, 2020). With ``embeddings`` they are chosen by similarity to the input (Liu
    et al., *What Makes Good In-Context Examples for GPT-3?*, 2022), the most similar one last, next
    to the question.

    Args:
        prompt: a prompt, its name or file; it needs a user message.
        examples: a YAML or JSONL file of them, or a list, each with ``user`` (a text) or ``input``
            (values for the prompt's user message), and ``assistant``. By default the prompt's own.
        k: how many at most.
        embeddings: choose by similarity with these (``"bge-small"``), else by order.
        max_tokens: how many tokens the examples have together at most. By order the first ones
            that fit stay, by similarity the most similar; one that is too long is left out. Where
            none fits, there is a warning.
        count: counts tokens: a function of a text, or a chat model; by default a token a 4
            characters, which asks no model.
        shape: ``turns`` of user and assistant, or one ``block`` before the question in its message.

    Raises:
        ConfigError: an argument is wrong.
        PromptError: the prompt or the examples are wrong.
    """
    loaded = load_prompt(prompt)
    shown = loaded.source.examples if examples is None else read_examples(examples)
    if not shown:
        raise PromptError(f"there are no examples for the prompt {loaded.name}")
    if not any(section.role == "user" for section in loaded.source.sections):
        raise PromptError(
            f"the prompt {loaded.name} has no user message for examples to stand before"
        )
    for name, value in (("k", k), ("max_tokens", max_tokens)):
        wrong = isinstance(value, bool) or not isinstance(value, int) or value < 1
        if value is not None and wrong:
            raise ConfigError(f"{name} must be a whole number of at least 1, not {value!r}")
    if shape not in ("turns", "block"):
        raise ConfigError(f"shape must be turns or block, not {shape!r}")
    if embeddings is not None:
        from agentlab.models.embeddings import load_embeddings

        embeddings = load_embeddings(embeddings)
    return FewShotPrompt(
        loaded,
        shown,
        _Choosing(k, embeddings, max_tokens, _counter(count)),
        shape,
    )


class _Choosing:
    """How examples are chosen.

    Vectors are asked for each time, so that a run makes the same calls when it is replayed; those
    of ``load_embeddings`` are kept on disk.
    """

    def __init__(
        self,
        k: int | None,
        embeddings: Embeddings | None,
        max_tokens: int | None,
        count: Callable[[str], int],
    ) -> None:
        self.k = k
        self.embeddings = embeddings
        self.max_tokens = max_tokens
        self.count = count

    def chosen(self, texts: Sequence[tuple[str, str]], question: str) -> list[int]:
        """Which of ``texts``, each a user's text and its answer, in the order they are shown."""
        order = list(range(len(texts)))
        if self.embeddings is not None:
            order = self._by_similarity([user for user, _ in texts], question)
        order = order[: self.k]
        if self.max_tokens is not None:
            order = self._fitting(texts, order, self.max_tokens)
        return order[::-1] if self.embeddings is not None else order

    def _by_similarity(self, users: list[str], question: str) -> list[int]:
        import numpy as np

        assert self.embeddings is not None
        vectors = np.asarray(self.embeddings.embed_documents(users))
        # An example is a text like the input, no passage that answers it: both as documents.
        asked = np.asarray(self.embeddings.embed_documents([question])[0])
        lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(asked)
        scores = (vectors @ asked) / np.where(lengths == 0, 1, lengths)
        return [int(n) for n in np.argsort(-scores, kind="stable")]

    def _fitting(self, texts: Sequence[tuple[str, str]], order: list[int], most: int) -> list[int]:
        kept, used = [], 0
        for number in order:
            size = sum(self.count(text) for text in texts[number])
            if used + size > most:
                continue
            used += size
            kept.append(number)
        if not kept:
            warnings.warn(f"no example fits into max_tokens={most}: none is shown", stacklevel=2)
        return kept


class FewShotPrompt(Prompt):
    """See :func:`few_shot`: a :class:`~agentlab.prompts.Prompt` with chosen examples."""

    def __init__(
        self, prompt: Prompt, examples: Sequence[Example], choosing: _Choosing, shape: Shape
    ) -> None:
        super().__init__(prompt.name or prompt.source.file.stem, prompt.source, prompt.given)
        self.examples = tuple(examples)
        self._choosing = choosing
        self._shape = shape

    def partial(self, **values: Any) -> FewShotPrompt:
        """The same prompt with some values given."""
        given = super().partial(**values)
        return FewShotPrompt(given, self.examples, self._choosing, self._shape)

    def render(self, values: Any = None) -> list[BaseMessage]:
        """The messages for ``values``, with the examples chosen for them."""
        bare = self._with(())
        messages = bare.render(values)
        at = max((n for n, m in enumerate(messages) if isinstance(m, HumanMessage)), default=-1)
        turns = self._turns(values)
        question = messages[at].text if at >= 0 else ""
        chosen = self._choosing.chosen([(u.text, a.text) for u, a in turns], question)
        if self._shape == "turns":
            return self._with([self.examples[n] for n in chosen]).render(values)
        shown = "\n\n".join(
            f"{turns[n][0].text.strip()}\n{turns[n][1].text.strip()}" for n in chosen
        )
        if not shown:
            return messages
        block = load_prompt("reason/block").render({"examples": shown, "question": question})
        return [*messages[:at], block[-1], *messages[at + 1 :]]

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> ChatPromptValue:
        """:meth:`invoke`; in a thread where texts are embedded."""
        if self._choosing.embeddings is None:
            return await super().ainvoke(input, config, **kwargs)
        context = contextvars.copy_context()
        return await asyncio.to_thread(context.run, self.invoke, input, config)

    def _with(self, examples: Sequence[Example]) -> Prompt:
        source: PromptFile = replace(self.source, examples=tuple(examples))
        return Prompt(self._label, source, self.given)

    def _turns(self, values: Any) -> list[tuple[HumanMessage, AIMessage]]:
        """Each example as its two messages."""
        complete = self._complete(self._promoted({} if values is None else values))
        texts = {k: v for k, v in complete.items() if k in self.source.variables}
        pairs = [self._example(example, texts) for example in self.examples]
        return [(HumanMessage(u.text), AIMessage(a.text)) for u, a in pairs]


def _counted(found: Any) -> int:
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise ConfigError(f"count gave {found!r}, not a number of tokens")
    return int(found)


def _counter(count: Any) -> Callable[[str], int]:
    if count is None:
        return lambda text: len(text) // 4 + 1
    if hasattr(count, "get_num_tokens"):
        return lambda text: int(count.get_num_tokens(text))
    if callable(count):
        return lambda text: _counted(count(text))
    raise ConfigError(f"count is a chat model or a function of a text, not {type(count).__name__}")
