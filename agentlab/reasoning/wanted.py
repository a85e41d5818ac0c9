"""What an answer is held to: a schema, choices, a pattern or a grammar; and reading it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable

from agentlab.errors import ConfigError, GrammarError, InvalidOutput
from agentlab.models._structured import parse_structured, was_cut
from agentlab.reasoning.answers import with_flags
from agentlab.reasoning.models import CUT, bare, holds, structured
from agentlab.reasoning.results import answer_of, ends_cut


@dataclass(frozen=True, slots=True)
class Read:
    """An answer's ``value`` and ``text``, and what is wrong with its form.

    ``plain`` is what rules look at: of a structured answer its decoded values, a line each.
    """

    value: Any
    text: str
    problems: tuple[str, ...] = ()

    @property
    def plain(self) -> str:
        """The text without the escapes of JSON."""
        if self.value is None or self.value == self.text.strip():
            return self.text
        return "\n".join(_lines("", _plain(self.value)))


@dataclass(frozen=True, slots=True)
class Wanted:
    """At most one of the four is given; None asks for any text."""

    schema: Any = None
    choices: tuple[str, ...] | None = None
    regex: str | None = None
    grammar: str | None = None

    @property
    def given(self) -> bool:
        """Whether there is a form at all."""
        return any(form is not None for form in (self.schema, self.choices, self.regex))

    def bound(self, model: Runnable[Any, Any]) -> Runnable[Any, Any]:
        """``model``, held to the form while it decodes, as far as it can be.

        Raises:
            GrammarError: the form does not compile.
            ConfigError: a grammar, of a model that follows none.
        """
        can = holds(model)
        if self.schema is not None:
            return model if can == "nothing" else structured(model, self.schema)
        if can == "grammar":
            if self.choices is not None:
                return model.bind(choices=list(self.choices))
            if self.regex is not None:
                return model.bind(regex=self.regex)
            return model if self.grammar is None else model.bind(grammar=self.grammar)
        if self.grammar is not None:
            raise ConfigError(
                f"{type(bare(model)).__name__} follows no grammar, and a GBNF grammar can't be "
                "checked afterwards",
                hint="give a schema, choices or a regex",
            )
        if self.choices is not None and can == "schema":
            return structured(model, _choice_schema(self.choices))
        return model

    def told(self) -> str:
        """The form in words, for a model that can be held to none."""
        if self.schema is not None:
            return f"Answer with JSON only, that fits this JSON schema: {json.dumps(self._json())}"
        if self.choices is not None:
            return f"Answer with one of these only: {', '.join(self.choices)}"
        return f"Answer with a text only that matches the regular expression {self.regex}"

    def read(self, output: Any) -> Read:
        """What came, read: a message, what a structured model gives, or a chain's value."""
        if isinstance(output, Mapping) and output.keys() == {"raw", "parsed", "parsing_error"}:
            return self._of_structured(output)
        if ends_cut(output) and (self.given or self.grammar is not None):
            return Read(None, answer_of(output)[0], (CUT,))
        if isinstance(output, BaseMessage):
            return self._of_text(str(output.text), output)
        if self.schema is not None and not isinstance(output, str):
            return self._of_value(output)
        text, _ = answer_of(output)
        return self._of_text(text, None)

    def _of_structured(self, output: Mapping[str, Any]) -> Read:
        raw = output["raw"]
        text = str(raw.text)
        if not text and getattr(raw, "tool_calls", None):
            text = json.dumps(raw.tool_calls[0]["args"], ensure_ascii=False)
        error = output["parsing_error"]
        if was_cut(raw):
            return Read(None, text, (CUT,))
        if error is not None:
            return Read(None, text, (str(error),))
        if self.choices is not None:
            choice = str(output["parsed"]["choice"])
            return self._of_text(choice, None)
        return Read(output["parsed"], text)

    def _of_text(self, text: str, message: Any) -> Read:
        if self.schema is not None:
            from langchain_core.messages import AIMessage

            try:
                return Read(parse_structured(message or AIMessage(text), self.schema), text)
            except InvalidOutput as error:
                return Read(None, text, (str(error),))
        if self.choices is not None:
            found = [choice for choice in self.choices if choice.strip() == text.strip()]
            if not found:
                told = ", ".join(self.choices)
                return Read(None, text, (f"it is none of {told}",))
            return Read(text if text in found else found[0], text)
        if self.regex is not None:  # spaces around it may be of the form, or of the model
            for told in (text, text.strip()):
                if re.fullmatch(self.regex, told):
                    return Read(told, text)
            return Read(None, text, (f"it does not match {self.regex}",))
        return Read(text.strip(), text)

    def _of_value(self, value: Any) -> Read:
        from langchain_core.messages import AIMessage

        text = json.dumps(_plain(value), ensure_ascii=False, default=str)
        try:
            return Read(parse_structured(AIMessage(text), self.schema), text)
        except InvalidOutput as error:
            return Read(None, text, (str(error),))

    def _json(self) -> Any:
        from langchain_core.utils.function_calling import convert_to_json_schema

        return self.schema if isinstance(self.schema, dict) else convert_to_json_schema(self.schema)


def _plain(value: Any) -> Any:
    from pydantic import BaseModel

    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def _lines(name: str, value: Any) -> Iterator[str]:
    """Each text and number in ``value`` with the name it has there; the name alone for nothing."""
    if not value and (value is None or isinstance(value, Mapping | list | tuple)):
        if name:
            yield name
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _lines(f"{name}.{key}" if name else str(key), item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _lines(name, item)
    else:
        yield f"{name}: {value}" if name else str(value)


def wanted(
    schema: Any,
    choices: Sequence[str] | None,
    regex: str | re.Pattern[str] | None,
    grammar: str | None,
) -> Wanted:
    """The form asked for.

    Raises:
        ConfigError: more than one, or one that is malformed.
        GrammarError: no JSON schema can be made of ``schema``.
    """
    given = {"schema": schema, "choices": choices, "regex": regex, "grammar": grammar}
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise ConfigError(f"an answer is held to one form, not to {' and '.join(named)}")
    if schema is not None:
        _check_schema(schema)
    if choices is not None:
        listed = isinstance(choices, Collection) and not isinstance(choices, str)
        texts = listed and all(isinstance(c, str) and c for c in choices)
        if not choices or not texts:
            raise ConfigError(
                f"choices must be a list of texts, none of them empty, not {choices!r}"
            )
    if regex is not None:
        if not isinstance(regex, str | re.Pattern):
            raise ConfigError(f"a regex is a text or a compiled pattern, not {regex!r}")
        try:
            regex = regex if isinstance(regex, str) else with_flags(regex)
            re.compile(regex)
        except re.error as error:
            raise ConfigError(f"the regex {regex!r} does not compile: {error}") from error
    return Wanted(schema, None if choices is None else tuple(choices), regex, grammar)


def _check_schema(schema: Any) -> None:
    from langchain_core.utils.function_calling import convert_to_json_schema

    from agentlab.models._json_schema import WrongSchema, validator_of

    if not isinstance(schema, dict | type):
        raise ConfigError(
            f"a schema is a pydantic class, a TypedDict or a JSON schema, not {schema!r}",
            hint="read a file's schema with json.loads(Path(…).read_text())",
        )
    as_json = isinstance(schema, dict) and not schema.keys() & {"function", "parameters"}
    try:
        converted: Any = schema if as_json else convert_to_json_schema(schema)
        validator_of(converted)
    except WrongSchema as error:
        raise GrammarError(f"not a JSON schema: {error}") from error
    except (TypeError, ValueError, KeyError, RuntimeError) as error:  # pydantic's is the last
        raise GrammarError(f"no JSON schema can be made of {schema!r}: {error}") from error


def _choice_schema(choices: Sequence[str]) -> dict[str, Any]:
    return {
        "title": "choice",
        "description": "The choice.",
        "type": "object",
        "properties": {"choice": {"type": "string", "enum": list(choices)}},
        "required": ["choice"],
        "additionalProperties": False,
    }
