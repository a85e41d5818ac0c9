"""Asking a model for an answer in the form that suits it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable, RunnableBinding, RunnableConfig

from agentlab.boundary import recordable
from agentlab.errors import ConfigError
from agentlab.prompts import Prompt
from agentlab.prompts.settings import configured
from agentlab.rag.forms import bound, form_of, schema, without_marks
from agentlab.rag.sources import Source


class Asker:
    """Asks ``model``, with ``kwargs`` bound to it, by ``prompt``."""

    def __init__(
        self, model: BaseChatModel, kwargs: dict[str, Any], prompt: Prompt, *, short: bool = False
    ) -> None:
        for name in ("question", "context"):
            if name not in prompt.variables:
                raise ConfigError(
                    f"the prompt {prompt.name!r} takes no {name!r}",
                    hint="a prompt for answers from documents takes question and context",
                )
        self.form = form_of(model)
        self.short = short
        if short and self.form not in ("lines", "json"):
            raise ConfigError(
                f"{type(model).__name__} gives no short answers",
                hint="a local model or one with structured output does",
            )
        self.model = model
        self.prompt = prompt
        self._kwargs = kwargs

    def messages(
        self,
        question: str,
        history: Sequence[BaseMessage],
        sources: Sequence[Source],
        *,
        must: Sequence[int] = (),
    ) -> list[BaseMessage]:
        """What the model is shown; where it ``must`` answer, it is not told how not to."""
        values = {
            "question": question,
            "context": [] if self.form == "native" else [source.shown for source in sources],
            "history": [_plain(message) for message in history],
            "form": self.form,
            "must": bool(must),
        }
        return self.prompt.render(values)

    def own_text(self) -> str:
        """All that the prompt says whatever is asked, its examples too, as one line."""
        return " ".join(" ".join(m.text.split()) for m in self.messages("-", [], []))

    def stream(
        self,
        messages: list[BaseMessage],
        sources: Sequence[Source],
        config: RunnableConfig,
        *,
        must: Sequence[int] = (),
    ) -> Iterator[Any]:
        """The answer's pieces: chunks of a message, or in the form ``json`` one whole value."""
        if self.form == "json":
            yield self._runnable(sources).invoke(messages, config)
        else:
            yield from self._runnable(sources, must).stream(messages, config)

    async def astream(
        self,
        messages: list[BaseMessage],
        sources: Sequence[Source],
        config: RunnableConfig,
        *,
        must: Sequence[int] = (),
    ) -> AsyncIterator[Any]:
        """:meth:`stream`, asynchronously."""
        if self.form == "json":
            yield await self._runnable(sources).ainvoke(messages, config)
        else:
            async for chunk in self._runnable(sources, must).astream(messages, config):
                yield chunk

    def _runnable(self, sources: Sequence[Source], must: Sequence[int] = ()) -> Runnable[Any, Any]:
        if self.form != "json":
            model = self.model.bind(**self._kwargs) if self._kwargs else self.model
            asked = configured(model, self.prompt.config)
            return bound(asked, self.form, sources, must, short=self.short)
        # What is bound is no part of a model's structured output, so it is put on the model.
        fields = type(self.model).model_fields
        own = {name: value for name, value in self._kwargs.items() if name in fields}
        model = self.model.model_copy(update=own) if own else self.model
        more = {name: value for name, value in self._kwargs.items() if name not in fields}
        numbers = [source.number for source in sources]
        asked = configured(model, self.prompt.config)
        if isinstance(asked, RunnableBinding):
            more = {**asked.kwargs, **more}
            asked = asked.bound
        structured: Runnable[Any, Any] = asked.with_structured_output(
            schema(numbers, short=self.short), include_raw=True, **more
        )
        return structured


def unbound(model: Any) -> tuple[BaseChatModel, dict[str, Any]]:
    """The chat model, and the parameters bound to it.

    Raises:
        ConfigError: it is none.
    """
    if isinstance(model, str):
        from agentlab.models import load_model

        return load_model(model), {}
    kwargs: dict[str, Any] = {}
    while isinstance(model, RunnableBinding):
        kwargs = {**model.kwargs, **kwargs}
        model = model.bound
    if not isinstance(model, BaseChatModel):
        raise ConfigError(
            f"an answer from documents needs a chat model, not {type(model).__name__}",
            hint='for example load_model("smollm2"); its prompt goes to create_rag(…, prompt=…)',
        )
    return recordable(model), kwargs


def _plain(message: BaseMessage) -> BaseMessage:
    """An earlier answer without marks: their numbers are those of other documents."""
    if isinstance(message, AIMessage) and "citations" in message.additional_kwargs:
        return AIMessage(without_marks(str(message.text)))
    return message
