"""The chat models inside a Runnable: found, set, and held to a form."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import (
    Runnable,
    RunnableParallel,
    RunnableSequence,
    RunnableWithFallbacks,
)
from langchain_core.runnables.base import RunnableBindingBase

from agentlab.boundary import recordable
from agentlab.chains import Chain
from agentlab.errors import ConfigError
from agentlab.reasoning.program import Reasoning

Holds = Literal["grammar", "schema", "nothing"]


def chat_model(model: Any, whose: str) -> Runnable[Any, Any]:
    """``model``, a chat model (also with parameters bound to it) or a spec.

    Raises:
        ConfigError: it is none.
    """
    if isinstance(model, str):
        from agentlab.models import load_model

        return load_model(model)
    if not isinstance(bare(model), BaseChatModel):
        raise ConfigError(
            f"{whose} needs a chat model, not {type(model).__name__}",
            hint='for example load_model("smollm2"); its prompt is an argument of its own',
        )
    return recordable(model) if isinstance(model, BaseChatModel) else model


def bare(model: Any) -> Any:
    """``model`` without what is bound to it."""
    while isinstance(model, RunnableBindingBase):
        model = model.bound
    return model


def holds(model: Any) -> Holds:
    """What an answer of ``model`` can be held to while it is decoded."""
    inner = bare(model)
    if getattr(inner, "_llm_type", "") == "gguf":
        return "grammar"
    own = type(inner)
    structured = getattr(own, "with_structured_output", None)
    if structured is not None and structured is not BaseChatModel.with_structured_output:
        return "schema"
    tools = getattr(own, "bind_tools", None)
    return "schema" if tools not in (None, BaseChatModel.bind_tools) else "nothing"


def structured(model: Any, schema: Any) -> Runnable[Any, Any]:
    """``model`` with structured output: ``raw``, ``parsed`` and ``parsing_error``.

    What is bound to a model is no part of its structured output, so it is put on the model.
    """
    kwargs: dict[str, Any] = {}
    while isinstance(model, RunnableBindingBase):
        kwargs = {**model.kwargs, **kwargs}
        model = model.bound
    fields = type(model).model_fields
    own = {name: value for name, value in kwargs.items() if name in fields}
    more = {name: value for name, value in kwargs.items() if name not in fields}
    asked = _updated(model, own)
    found: Runnable[Any, Any] = asked.with_structured_output(schema, include_raw=True, **more)
    return found


def with_settings(runnable: Any, settings: Mapping[str, Any]) -> Any:
    """``runnable`` with ``settings`` on each chat model in it, over what they have.

    Nothing is changed in place. Looks into bindings, sequences, mappings, fallbacks, chains and
    reasoning; what has no model comes back as it is, the same object.
    """
    if not settings:
        return runnable
    if isinstance(runnable, BaseChatModel):
        fields = type(runnable).model_fields
        model = _updated(runnable, {k: v for k, v in settings.items() if k in fields})
        bound = {k: v for k, v in settings.items() if k not in fields}
        return model.bind(**bound) if bound else model
    if isinstance(runnable, RunnableBindingBase):
        inner = with_settings(runnable.bound, settings)
        left = {k: v for k, v in runnable.kwargs.items() if k not in settings}
        if inner is runnable.bound:
            return runnable
        return runnable.model_copy(update={"bound": inner, "kwargs": left})
    return mapped(runnable, lambda part: with_settings(part, settings))


def mapped(runnable: Any, change: Callable[[Any], Any]) -> Any:
    """``runnable`` with ``change`` made to each of its parts; itself where none changed."""
    if isinstance(runnable, RunnableSequence):
        steps = [change(step) for step in runnable.steps]
        if all(new is old for new, old in zip(steps, runnable.steps, strict=True)):
            return runnable
        return RunnableSequence(*steps, name=runnable.name)
    if isinstance(runnable, RunnableParallel):
        parts = {name: change(step) for name, step in runnable.steps__.items()}
        if all(parts[name] is step for name, step in runnable.steps__.items()):
            return runnable
        return RunnableParallel(parts)
    if isinstance(runnable, RunnableWithFallbacks):
        return runnable.model_copy(
            update={
                "runnable": change(runnable.runnable),
                "fallbacks": [change(other) for other in runnable.fallbacks],
            }
        )
    if isinstance(runnable, Chain):
        named = {name: change(step) for name, step in runnable.steps.items()}
        if all(named[name] is step for name, step in runnable.steps.items()):
            return runnable
        return type(runnable)(named)
    if isinstance(runnable, Reasoning):
        return runnable.mapped(change)
    return runnable


def find_model(runnable: Any) -> BaseChatModel | None:
    """A chat model in ``runnable``, the last one in a sequence; None where none is seen."""
    found: list[BaseChatModel] = []

    def look(part: Any) -> Any:
        part = bare(part)
        if isinstance(part, BaseChatModel):
            found.append(part)
        else:
            mapped(part, look)
        return part

    look(runnable)
    return found[-1] if found else None


def takes_history(runnable: Any) -> bool:
    """Whether a prompt in ``runnable`` has a place for earlier messages, or it is a bare model."""
    steps = runnable.steps if isinstance(runnable, RunnableSequence) else [runnable]
    return any(getattr(bare(step), "takes_history", False) for step in steps)


def split(runnable: Any) -> tuple[Runnable[Any, Any] | None, Runnable[Any, Any]]:
    """What comes before the model at the end of ``runnable``, and the model with its bindings.

    Raises:
        ConfigError: the last part is no chat model.
    """
    if isinstance(bare(runnable), BaseChatModel):
        return None, runnable
    if isinstance(runnable, RunnableSequence) and isinstance(bare(runnable.last), BaseChatModel):
        first = runnable.steps[:-1]
        return (first[0] if len(first) == 1 else RunnableSequence(*first)), runnable.last
    raise ConfigError(
        f"{type(runnable).__name__} does not end in a chat model",
        hint="give prompt | model, without a parser behind it",
    )


def _updated(model: BaseChatModel, fields: Mapping[str, Any]) -> BaseChatModel:
    if not fields:
        return model
    copied = model.model_copy(update=dict(fields))
    copied.__dict__.pop("_serialized", None)  # cached, with the old values
    return copied


def copied(reasoning: Any, **changes: Any) -> Any:
    """A shallow copy of ``reasoning`` with other attributes."""
    new = copy.copy(reasoning)
    for name, value in changes.items():
        setattr(new, name, value)
    return new
