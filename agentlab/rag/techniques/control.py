"""Control steps: a small value, decoded under a schema made of what there is to choose from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableBinding, RunnableLambda

from agentlab.prompts import Prompt, load_prompt
from agentlab.prompts.settings import configured
from agentlab.rag.asking import unbound


class Control:
    """A model that makes decisions: a local one under a grammar, a hosted one under a schema.

    A model with neither is asked in words, and what is no such JSON is an error, never guessed at.
    """

    def __init__(self, model: BaseChatModel | Runnable[Any, Any] | str, *prompts: str) -> None:
        self.model, self._kwargs = unbound(model)
        self._prompts = {name: load_prompt(name) for name in prompts}

    def prompt(self, name: str) -> Prompt:
        """The prompt ``name``, one of those it was made with."""
        return self._prompts[name]

    def runnable(self, name: str, schema: Mapping[str, Any]) -> Runnable[Any, Any]:
        """Messages of the prompt ``name`` to a value that fits ``schema``."""
        model, config = self.model, self.prompt(name).config
        own = {k: v for k, v in self._kwargs.items() if k in type(model).model_fields}
        more = {k: v for k, v in self._kwargs.items() if k not in own}
        asked = configured(model.model_copy(update=own) if own else model, config)
        if isinstance(asked, RunnableBinding):
            more = {**asked.kwargs, **more}
            asked = asked.bound
        if type(model).with_structured_output is BaseChatModel.with_structured_output and (
            type(model).bind_tools is BaseChatModel.bind_tools
        ):
            return _read(asked.bind(**more) if more else asked, schema)
        value: Runnable[Any, Any] = asked.with_structured_output(dict(schema), **more)
        return value


def _read(model: Runnable[Any, Any], schema: Mapping[str, Any]) -> Runnable[Any, Any]:
    from agentlab.models._structured import parse_structured

    def parse(message: AIMessage) -> Any:
        return parse_structured(message, dict(schema))

    return model | RunnableLambda(parse, name="parse")


def object_of(title: str, description: str, **properties: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an object that has all ``properties`` and nothing else."""
    return {
        "title": title,
        "description": description,
        "type": "object",
        "properties": {name: dict(schema) for name, schema in properties.items()},
        "required": list(properties),
        "additionalProperties": False,
    }


def text_of(description: str, longest: int) -> dict[str, Any]:
    """The schema of a text of at most ``longest`` characters."""
    return {"type": "string", "maxLength": longest, "description": description}


def list_of(item: Mapping[str, Any], most: int, description: str, least: int = 0) -> dict[str, Any]:
    """The schema of a list of ``least`` to ``most`` items."""
    return {
        "type": "array",
        "items": dict(item),
        "minItems": least,
        "maxItems": most,
        "description": description,
    }
