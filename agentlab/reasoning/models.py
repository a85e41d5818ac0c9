"""The chat models inside a Runnable: found, set, and held to a form."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Literal, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import (
    Runnable,
    RunnableLambda,
    RunnableParallel,
    RunnableSequence,
    RunnableWithFallbacks,
)
from langchain_core.runnables.base import RunnableBinding, RunnableBindingBase

from agentlab.boundary import recordable
from agentlab.chains import Chain
from agentlab.errors import AgentLabError, ConfigError, InvalidOutput
from agentlab.models._parameters import not_taken
from agentlab.models._structured import parse_structured, was_cut
from agentlab.reasoning.program import Reasoning

CUT = "it was cut before its end: it is too long"
Holds = Literal["grammar", "schema", "nothing"]


def chat_model(model: Any, whose: str) -> Runnable[Any, Any]:
    """``model``, a chat model (also with parameters bound to it, tried again, or with others to
    fall back on) or a spec.

    Raises:
        ConfigError: it is none.
    """
    if isinstance(model, str):
        from agentlab.models import load_model

        return load_model(model)
    if not is_model(model):
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


def is_model(runnable: Any) -> bool:
    """Whether ``runnable`` is a chat model, perhaps with others to fall back on."""
    inner = bare(runnable)
    if isinstance(inner, RunnableWithFallbacks):
        return all(is_model(part) for part in (inner.runnable, *inner.fallbacks))
    return isinstance(inner, BaseChatModel)


def holds(model: Any) -> Holds:
    """What an answer of ``model`` can be held to while it is decoded."""
    inner = bare(model)
    if isinstance(inner, RunnableWithFallbacks):
        parts = {holds(part) for part in (inner.runnable, *inner.fallbacks)}
        if "nothing" in parts:
            return "nothing"
        return "schema" if "schema" in parts else "grammar"
    if getattr(inner, "_llm_type", "") == "gguf":
        return "grammar"
    own = type(inner)
    structured = getattr(own, "with_structured_output", None)
    if structured is not None and structured is not BaseChatModel.with_structured_output:
        return "schema"
    tools = getattr(own, "bind_tools", None)
    return "schema" if tools not in (None, BaseChatModel.bind_tools) else "nothing"


def structured(
    model: Any, schema: Any, given: Mapping[str, Any] | None = None
) -> Runnable[Any, Any]:
    """``model`` with structured output: ``raw``, ``parsed`` and ``parsing_error``.

    The parameters bound to a model, and those ``given``, are no part of its structured output, so
    they are put on the model. What else is around it (tries, settings of a run, fallbacks) stays
    around it. Only the message is taken from it: what it says is checked here, since not every
    provider's parser does so.

    Raises:
        ConfigError: the model can't be held to such a schema.
    """
    held: Runnable[Any, Any]
    if isinstance(model, RunnableBindingBase):
        kwargs = {**model.kwargs, **(given or {})}
        inner = structured(model.bound, schema, kwargs)
        if type(model) is RunnableBinding and not model.config and not model.config_factories:
            return inner
        held = model.model_copy(update={"bound": inner, "kwargs": {}})
        return held
    if isinstance(model, RunnableWithFallbacks):
        held = model.model_copy(
            update={
                "runnable": structured(model.runnable, schema, given),
                "fallbacks": [structured(part, schema, given) for part in model.fallbacks],
            }
        )
        return held
    fields = type(model).model_fields
    kwargs = dict(given or {})
    own = {name: value for name, value in kwargs.items() if name in fields}
    more = {name: value for name, value in kwargs.items() if name not in fields}
    asked = _updated(model, own)
    if holds(asked) == "grammar":
        held = asked.with_structured_output(schema, include_raw=True, **more)
        return held
    try:
        try:
            found = _by_its_own(asked, schema, more)
        except (ValueError, KeyError):
            if not isinstance(schema, dict) or "title" in schema:
                raise
            # Many APIs want a name, and a schema has one where it has a title.
            titled = {"title": "answer", "description": "The answer.", **schema}
            found = _by_its_own(asked, titled, more)
    except AgentLabError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{type(asked).__name__} can't be held to this schema: {error!r}",
            hint="give the schema of an object, with its properties, or a pydantic class",
        ) from error

    def check(output: Any) -> Any:
        return _checked(output, schema)

    return found | RunnableLambda(check)


def _by_its_own(model: BaseChatModel, schema: Any, more: Mapping[str, Any]) -> Runnable[Any, Any]:
    """What the model makes of ``schema``, called with the settings ``more``.

    Many take no settings there, as LangChain's own does not: they are put on the call it makes.
    """
    try:
        return model.with_structured_output(schema, include_raw=True, **more)
    except (ValueError, TypeError):
        if not more:
            raise
    found = model.with_structured_output(schema, include_raw=True)

    def bind(part: Any) -> Any:
        return part.bind(**more) if is_model(part) else mapped(part, bind)

    return cast("Runnable[Any, Any]", bind(found))


def _checked(output: Mapping[str, Any], schema: Any) -> dict[str, Any]:
    """What a structured model gave, its message read anew."""
    raw = output["raw"]
    try:
        refuse_cut(raw)
        return {"raw": raw, "parsed": parse_structured(raw, schema), "parsing_error": None}
    except AgentLabError as error:
        return {"raw": raw, "parsed": None, "parsing_error": error}


def refuse_cut(output: Any) -> Any:
    """``output``, where it is no message that was cut.

    Raises:
        InvalidOutput: it is one.
    """
    if isinstance(output, BaseMessage) and was_cut(output):
        raise InvalidOutput(
            CUT,
            text=str(output.text),
            hint="give more max_tokens",
        )
    return output


def whole(runnable: Any) -> Any:
    """``runnable``, where an answer of its last model that was cut is an error.

    What stands behind a model sees only the text, and a parser may mend what was cut. Looks also
    into what has tries, settings or fallbacks around it.
    """
    if is_model(runnable):
        return runnable
    if isinstance(runnable, RunnableBindingBase):
        inner = whole(runnable.bound)
        same = inner is runnable.bound
        return runnable if same else runnable.model_copy(update={"bound": inner})
    if isinstance(runnable, RunnableWithFallbacks):
        return mapped(runnable, whole)
    if isinstance(runnable, RunnableSequence):
        steps = runnable.steps
        for n in reversed(range(len(steps))):
            if _ends_in_model(steps[n]):
                return runnable if n == len(steps) - 1 else _guarded(runnable, n + 1)
            if (inner := whole(steps[n])) is not steps[n]:
                return RunnableSequence(*steps[:n], inner, *steps[n + 1 :], name=runnable.name)
    if isinstance(runnable, Chain) and runnable.steps:
        name, step = list(runnable.steps.items())[-1]
        guarded = _guarded(step, None) if _ends_in_model(step) else whole(step)
        return runnable if guarded is step else type(runnable)({**runnable.steps, name: guarded})
    return runnable


def _ends_in_model(runnable: Any) -> bool:
    """Whether what ``runnable`` gives is a message of a model."""
    inner = bare(runnable)
    if isinstance(inner, RunnableWithFallbacks):
        return all(_ends_in_model(part) for part in (inner.runnable, *inner.fallbacks))
    return is_model(inner) or (isinstance(inner, RunnableSequence) and _ends_in_model(inner.last))


def _guarded(runnable: Any, after: int | None) -> Any:
    """``runnable`` with the check behind its first ``after`` steps, or all."""
    steps = runnable.steps if isinstance(runnable, RunnableSequence) else [runnable]
    rest = [] if after is None else steps[after:]
    check: Runnable[Any, Any] = RunnableLambda(refuse_cut)
    return RunnableSequence(*steps[:after], check, *rest, name=runnable.name)


def with_settings(runnable: Any, settings: Mapping[str, Any]) -> Any:
    """``runnable`` with ``settings`` on each chat model in it, over what they have.

    Nothing is changed in place. Looks into bindings, sequences, mappings, fallbacks, chains and
    reasoning; what has no model comes back as it is, the same object. A setting that a model is
    known to refuse is left out.
    """
    if not settings:
        return runnable
    if isinstance(runnable, BaseChatModel):
        fields = type(runnable).model_fields
        fixed = not_taken(runnable)
        settings = {k: v for k, v in settings.items() if k not in fixed}
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
        before = [runnable.runnable, *runnable.fallbacks]
        first, *others = after = [change(part) for part in before]
        if all(new is old for new, old in zip(after, before, strict=True)):
            return runnable
        return runnable.model_copy(update={"runnable": first, "fallbacks": others})
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


def seed_of(runnable: Any) -> int | None:
    """The seed of the model that :func:`find_model` finds: bound to it, or its own."""
    seeds: list[Any] = []

    def look(part: Any) -> Any:
        bound: dict[str, Any] = {}
        while isinstance(part, RunnableBindingBase):
            bound = {**part.kwargs, **bound}
            part = part.bound
        if isinstance(part, BaseChatModel):
            seeds.append(bound.get("seed", getattr(part, "seed", None)))
        else:
            before = len(seeds)
            mapped(part, look)
            if "seed" in bound:
                seeds[before:] = [bound["seed"]] * (len(seeds) - before)
        return part

    look(runnable)
    found = seeds[-1] if seeds else None
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def takes_history(runnable: Any) -> bool:
    """Whether a prompt in ``runnable`` has a place for earlier messages, or it is a bare model."""
    steps = runnable.steps if isinstance(runnable, RunnableSequence) else [runnable]
    return any(getattr(bare(step), "takes_history", False) for step in steps)


def ends_in_steps(runnable: Any) -> bool:
    """Whether what ``runnable`` gives are the steps of a chain, by their names."""
    last = bare(runnable)
    while isinstance(last, RunnableSequence):
        last = bare(last.last)
    return isinstance(last, Chain)


def split(runnable: Any) -> tuple[Runnable[Any, Any] | None, Runnable[Any, Any]]:
    """What comes before the model at the end of ``runnable``, and the model with its bindings.

    A parser behind it that only takes the text is left out.

    Raises:
        ConfigError: the last part is no chat model.
    """
    from langchain_core.output_parsers import StrOutputParser

    if is_model(runnable):
        return None, runnable
    if isinstance(runnable, RunnableSequence):
        steps = runnable.steps[:-1] if type(runnable.last) is StrOutputParser else runnable.steps
        *first, last = steps
        if is_model(last):
            if not first:
                return None, last
            return (first[0] if len(first) == 1 else RunnableSequence(*first)), last
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
