"""Filling in a form: what is known stands, and only the unknown parts are generated."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable

from agentlab.errors import ConfigError, InvalidOutput
from agentlab.events import Considered, Usage
from agentlab.prompts import Prompt, load_prompt
from agentlab.prompts.settings import configured
from agentlab.reasoning.answers import (
    ANY_NUMBER_OF_JSON,
    NUMBER_OF_JSON,
    AnswerKind,
    answer_kind,
)
from agentlab.reasoning.models import chat_model, copied, holds, structured
from agentlab.reasoning.program import Reasoning
from agentlab.reasoning.results import as_result
from agentlab.reasoning.steps import Ask, Program

_HOLE = re.compile(r"\[\[([A-Za-z_]\w*)\]\]")


def fill_in(
    model: BaseChatModel | Runnable[Any, Any] | str,
    form: str,
    fields: Mapping[str, Any] | None = None,
    *,
    as_json: bool = False,
    prompt: str | Prompt = "reason/fill",
) -> FillIn:
    """Fill the holes ``[[name]]`` of ``form``, one call a hole, in their order.

    The model never writes the form itself: each call is shown the form as far as it is filled and
    gives one value, held to its kind. What the input has a value for is not asked. The idea of
    keeping the known text out of decoding is that of guidance (https://github.com/guidance-ai).

    The input is a text, or a mapping with ``input`` and known values. The result is a dict:
    ``answer``, the filled form; ``values``; ``data``, the form read as JSON where ``as_json``.

    Args:
        model: a chat model that can be held to a form, or its spec.
        form: the text with its holes. As JSON, a hole within quotation marks is a text.
        fields: the kind of each hole: ``"text"``, ``"number"``, choices or a compiled pattern, as
            for :func:`~agentlab.reasoning.chain_of_thought`. By default a text.
        as_json: values are escaped as in JSON, and the filled form is read as JSON.

    Raises:
        ConfigError: there is no hole, a field that is none, a form that can't be JSON, or a model
            that can be held to nothing.
    """
    asked = chat_model(model, "fill_in")
    if holds(asked) == "nothing":
        raise ConfigError(
            f"{type(asked).__name__} can be held to no form, so it can't fill one in",
            hint="use a GGUF model, or one with structured output",
        )
    if not isinstance(form, str):
        raise ConfigError(f"a form is a text with holes, not {type(form).__name__}")
    if fields is not None and not isinstance(fields, Mapping):
        raise ConfigError(
            f"fields are a mapping of each hole to its kind, not {fields!r}",
            hint='such as {"age": "number"}',
        )
    holes = list(dict.fromkeys(_HOLE.findall(form)))
    if not holes:
        raise ConfigError("the form has no hole", hint="write one as [[name]]")
    for name in fields or {}:
        if name not in holes:
            raise ConfigError(f"the form has no hole [[{name}]]", hint=f"it has {', '.join(holes)}")
    kinds = {name: answer_kind((fields or {}).get(name, "text")) for name in holes}
    if as_json:
        kinds = {name: _of_json(kind) for name, kind in kinds.items()}
        _check_json(form, kinds)
    loaded = load_prompt(prompt)
    return FillIn(configured(asked, loaded.config), form, kinds, as_json, loaded)


class FillIn(Reasoning):
    """See :func:`fill_in`. Streams a ``Considered`` event a field."""

    label = "fill_in"

    def __init__(
        self,
        model: Runnable[Any, Any],
        form: str,
        kinds: dict[str, AnswerKind],
        as_json: bool,
        prompt: Prompt,
    ) -> None:
        self.model = model
        self.form = form
        self.kinds = kinds
        self._as_json = as_json
        self._prompt = prompt

    def __repr__(self) -> str:
        return f"FillIn({', '.join(self.kinds)})"

    def needed(self) -> list[str]:
        """The text that says what to fill in."""
        return ["input"]

    def mapped(self, change: Callable[[Any], Any]) -> FillIn:
        """A copy whose model is ``change(model)``."""
        model = change(self.model)
        return self if model is self.model else copied(self, model=model)

    def program(self, input: Any) -> Program:
        """One call a hole that is not known."""
        task, values = _given(input, self.kinds)
        for name, kind in self.kinds.items():
            if name in values:
                continue
            shown = _filled(self.form, values, as_json=self._as_json)
            asking = {"input": task, "form": shown, "field": name, "answer": kind.told}
            messages = self._prompt.render(asking)
            output = yield Ask(self._held(name, kind), messages)
            if holds(self.model) == "grammar":
                if output.response_metadata.get("finish_reason") == "length":
                    raise InvalidOutput(
                        f"the value of {name!r} was cut",
                        text=str(output.text),
                        hint="give more max_tokens",
                    )
                values[name] = kind.read(str(output.text))
                if kind.is_full(values[name]):
                    raise InvalidOutput(
                        f"the value of {name!r} is too long to be whole",
                        text=values[name],
                        hint="say in the form that it is short",
                    )
            else:
                if output["parsing_error"] is not None:
                    raise output["parsing_error"]
                values[name] = kind.read(output["parsed"][name])
            yield Considered("field", values[name], {"name": name})
        text = _filled(self.form, values, as_json=self._as_json)
        data = _read_json(text, self.form) if self._as_json else None
        return {"answer": text, "values": values, "data": data}

    def _held(self, name: str, kind: AnswerKind) -> Runnable[Any, Any]:
        """The model held to the value of a hole."""

        def made() -> Any:
            if holds(self.model) == "grammar":
                return self.model.bind(regex=kind.pattern)
            return structured(self.model, _schema(name, kind))

        held: Runnable[Any, Any] = self.kept(self.model, name, made)
        return held

    def finished(self, value: Any, usage: Usage) -> Any:
        """The result."""
        return as_result(value, usage)


def _given(input: Any, kinds: Mapping[str, AnswerKind]) -> tuple[str, dict[str, str]]:
    if isinstance(input, str):
        return input, {}
    if not isinstance(input, Mapping) or not isinstance(input.get("input"), str):
        raise ConfigError(
            "a form is filled in from a text, or a mapping with 'input' and known values"
        )
    return input["input"], {name: kinds[name].read(input[name]) for name in kinds if name in input}


def _filled(form: str, values: Mapping[str, str], *, as_json: bool) -> str:
    def put(match: re.Match[str]) -> str:
        if match[1] not in values:
            return match[0]
        value = values[match[1]]
        return json.dumps(value, ensure_ascii=False)[1:-1] if as_json else value

    return _HOLE.sub(put, form)


def _read_json(text: str, form: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ConfigError(
            f"the form is no JSON once it is filled in: {error}",
            hint='a hole for a text stands in quotation marks: {"name": "[[name]]"}',
        ) from error


def _of_json(kind: AnswerKind) -> AnswerKind:
    """``kind``, with numbers as JSON has them: no zeros before the first digit."""
    if kind.name != "number":
        return kind
    return replace(kind, pattern=NUMBER_OF_JSON, reads=ANY_NUMBER_OF_JSON)


def _check_json(form: str, kinds: Mapping[str, AnswerKind]) -> None:
    """Refuse a form that is no JSON with what it may be filled with.

    Raises:
        ConfigError: it is none.
    """
    samples = {"text": "x", "number": "0", "regex": "0"}  # a text has to stand in quotation marks
    usual = {
        n: kind.choices[0] if kind.choices else samples[kind.name] for n, kind in kinds.items()
    }
    _read_json(_filled(form, usual, as_json=True), form)
    for name, kind in kinds.items():
        for choice in kind.choices[1:]:
            _read_json(_filled(form, {**usual, name: choice}, as_json=True), form)


def _schema(name: str, kind: AnswerKind) -> dict[str, Any]:
    return {
        "title": "field",
        "description": "One value of a form.",
        "type": "object",
        "properties": {name: {**kind.schema, "description": kind.told}},
        "required": [name],
        "additionalProperties": False,
    }
