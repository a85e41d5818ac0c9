"""Prompt: values become messages."""

from __future__ import annotations

import functools
import types
from collections.abc import Mapping
from typing import Any, cast

import jsonschema
from jinja2 import TemplateError, TemplateSyntaxError
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    convert_to_messages,
)
from langchain_core.prompt_values import ChatPromptValue
from langchain_core.runnables import Runnable, RunnableConfig, RunnableSequence
from langchain_core.runnables.base import coerce_to_runnable
from pydantic import BaseModel, ConfigDict, Field, create_model

from agentlab import _sandbox
from agentlab.errors import PromptError
from agentlab.prompts.reading import HISTORY, Example, PromptFile, Section, Variable, nearest
from agentlab.prompts.settings import configured

_MESSAGES = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}
_TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list[Any],
    "object": dict[str, Any],
}
_Validator = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        "array", lambda _, value: isinstance(value, (list, tuple))
    ),
)


class Prompt(Runnable[Any, ChatPromptValue]):
    """A prompt file as a Runnable: a mapping of values, or one text, to messages.

    Values the prompt does not name are ignored, so a chain can hand on all it has. Joined to a chat
    model (``prompt | model``), the file's ``config`` is put on a copy of the model, for the
    settings the user gave neither to the model nor to a binding.
    """

    def __init__(
        self, name: str, source: PromptFile, given: Mapping[str, Any] | None = None
    ) -> None:
        self.name = name
        self.source = source
        self.given = dict(given or {})

    def __repr__(self) -> str:
        return f"Prompt({self.name!r}, variables={list(self.variables)})"

    @property
    def description(self) -> str:
        """What the file says the prompt is for."""
        return self.source.description

    @property
    def config(self) -> dict[str, Any]:
        """The model settings of the file."""
        return dict(self.source.config)

    @functools.cached_property
    def variables(self) -> dict[str, Variable]:
        """What the prompt takes, by name; those given by :meth:`partial` are optional."""
        return {
            name: Variable(name, False, self.given[name], variable.schema)
            if name in self.given
            else variable
            for name, variable in self.source.variables.items()
        }

    @property
    def takes_history(self) -> bool:
        """Whether the file has a place for earlier messages (``# history``)."""
        return any(section.role == HISTORY for section in self.source.sections)

    def partial(self, **values: Any) -> Prompt:
        """The same prompt with some values given.

        Raises:
            PromptError: the prompt has no variable of that name.
        """
        known = {*self.source.variables, *([HISTORY] if self.takes_history else [])}
        for name in values:
            if name not in known:
                raise PromptError(
                    f"prompt {self._label} has no variable {name!r}{nearest(name, known)}",
                    hint=f"it takes {', '.join(sorted(known)) or 'none'}",
                )
        return Prompt(self._label, self.source, {**self.given, **values})

    def render(self, values: Any = None) -> list[BaseMessage]:
        """The messages for ``values``: a mapping, or a text for the only required variable.

        Raises:
            PromptError: a value is missing or of the wrong type, or the template fails on it.
        """
        complete = self._complete(self._promoted({} if values is None else values))
        history = self._history(complete.get(HISTORY))
        texts = {k: v for k, v in complete.items() if k in self.source.variables}
        examples_at = self._examples_at()
        messages: list[BaseMessage] = []
        for index, section in enumerate(self.source.sections):
            if index == examples_at:
                for example in self.source.examples:
                    messages += self._example(example, texts)
            if section.role == HISTORY:
                messages += history
                continue
            text = self._text(section, texts)
            if section.role != "system" or text.strip():
                messages.append(_MESSAGES[section.role](text))
        if not any(message.text.strip() or message.additional_kwargs for message in messages):
            raise PromptError(
                f"prompt {self._label} is empty with these values",
                hint=f"give at least one of {', '.join(self.variables)}" if self.variables else "",
            )
        return messages

    def invoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> ChatPromptValue:
        """:meth:`render`, as LangChain calls it."""
        return self._call_with_config(self._value, input, config, run_type="prompt")

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> ChatPromptValue:
        """:meth:`invoke`; rendering takes no waiting, so it runs where it is called."""

        async def value(given: Any) -> ChatPromptValue:
            return self._value(given)

        return await self._acall_with_config(value, input, config, run_type="prompt")

    def __or__(self, other: Any) -> Any:
        return RunnableSequence(self, configured(coerce_to_runnable(other), self.config))

    def __ror__(self, other: Any) -> Any:
        sequence: Any = _EndsInPrompt  # mypy sees pydantic's __init__, not the class's own
        return sequence(coerce_to_runnable(other), self)

    def pipe(self, *others: Any, name: str | None = None) -> Any:
        """``self | others[0] | …``."""
        first, *rest = others
        return RunnableSequence(
            self, configured(coerce_to_runnable(first), self.config), *rest, name=name
        )

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """A pydantic model of the values, with types, descriptions and defaults."""
        fields: dict[str, Any] = {}
        for variable in self.variables.values():
            kind = variable.schema.get("type")
            annotation = _TYPES.get(kind, Any) if isinstance(kind, str) else Any
            default = ... if variable.required else variable.default
            if default is None:
                annotation = annotation | None
            about = variable.description or None
            fields[variable.name] = (annotation, Field(default, description=about))
        if self.takes_history:
            fields[HISTORY] = (list[Any], Field([], description="earlier messages"))
        name = "".join(part.capitalize() for part in self._label.replace("/", "_").split("_"))
        model = create_model(f"{name}Input", __config__=ConfigDict(extra="allow"), **fields)
        return cast("type[BaseModel]", model)

    @property
    def _label(self) -> str:
        return self.name or self.source.file.stem

    def _value(self, values: Any) -> ChatPromptValue:
        return ChatPromptValue(messages=self.render(values))

    def _promoted(self, values: Any) -> Mapping[str, Any]:
        if isinstance(values, Mapping):
            return values
        if isinstance(values, BaseMessage):  # the answer of a model before this prompt
            values = values.text
        if not isinstance(values, str):
            raise PromptError(
                f"prompt {self._label} takes a mapping of values or a text, "
                f"not {type(values).__name__}"
            )
        required = [v.name for v in self.variables.values() if v.required]
        if len(required) == 1:
            return {required[0]: values}
        if "input" in self.variables:
            return {"input": values}
        if not required and len(self.variables) == 1:
            return {next(iter(self.variables)): values}
        names = ", ".join(required or self.variables) or "nothing"
        raise PromptError(
            f"prompt {self._label} can't tell which variable a bare text is for",
            hint=f"give a mapping; it takes {names}",
        )

    def _complete(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """``values`` with what is given and the defaults; nothing missing, all of their types."""
        complete = {v.name: v.default for v in self.variables.values() if not v.required}
        complete |= self.given | dict(values)
        missing = [name for name in self.variables if name not in complete]
        if missing:
            named = ", ".join(repr(name) for name in missing)
            unknown = [k for k in values if k not in self.variables and k != HISTORY]
            close = "".join(nearest(name, unknown) for name in missing[:1]).lstrip("; ")
            raise PromptError(
                f"prompt {self._label} needs a value for {named}",
                hint=close.replace("did you mean", "is it what you gave as")
                or "; ".join(
                    f"{name}: {self.variables[name].description}"
                    for name in missing
                    if self.variables[name].description
                ),
            )
        self._check_types(complete)
        return complete

    def _check_types(self, values: Mapping[str, Any]) -> None:
        defaults = self.source.variables
        checked = {
            name: value
            for name, value in values.items()
            # A default stands for "not given" and need not be of the type.
            if name in defaults and (defaults[name].required or value != defaults[name].default)
        }
        problems = []
        for error in _Validator(self.source.schema).iter_errors(checked):
            where = ".".join(str(part) for part in error.absolute_path) or "the values"
            problems.append(f"{where}: {_short(error.message)}")
        if problems:
            raise PromptError(f"prompt {self._label}: {'; '.join(sorted(problems))}")

    def _history(self, history: Any) -> list[BaseMessage]:
        if history is None or not self.takes_history:
            return []
        if isinstance(history, (str, bytes, Mapping, BaseMessage)):
            history = "one message"
        else:
            try:
                return convert_to_messages(list(history))
            except (ValueError, TypeError, NotImplementedError, KeyError) as error:
                history = _short(str(error).splitlines()[0])
        raise PromptError(
            f"prompt {self._label}: 'history' is not a list of messages: {history}",
            hint="give messages, pairs such as ('user', 'Hi') or {'role': …, 'content': …}",
        )

    def _examples_at(self) -> int:
        """Before the earlier messages where they come before the last user turn, else before it."""
        roles = [section.role for section in self.source.sections]
        if "user" not in roles:
            return -1
        last_user = len(roles) - 1 - roles[::-1].index("user")
        return roles.index(HISTORY) if HISTORY in roles[:last_user] else last_user

    def _example(self, example: Example, values: Mapping[str, Any]) -> list[BaseMessage]:
        user = example.user
        if not isinstance(user, str):
            section = [s for s in self.source.sections if s.role == "user"][-1]
            user = self._text(section, {**values, **user})
        return [HumanMessage(user), AIMessage(example.assistant)]

    def _text(self, section: Section, values: Mapping[str, Any]) -> str:
        assert section.template is not None
        try:
            return _sandbox.render(section.template, values)
        except TemplateError as error:
            line = section.line + _line_in_template(error) - 1
            problem = error.message if isinstance(error, TemplateSyntaxError) else str(error)
            raise PromptError(
                f"{self.source.file}:{line}: {_short(problem or 'the template fails')}",
                hint="look at the values given: " + ", ".join(self.variables),
            ) from error


class _EndsInPrompt(RunnableSequence[Any, ChatPromptValue]):
    """``something | prompt``: a model joined to it next gets the prompt's ``config`` too."""

    def __or__(self, other: Any) -> Any:
        config = self.last.config if isinstance(self.last, Prompt) else {}
        steps: Any = RunnableSequence(*self.steps, name=self.name)
        return steps | configured(coerce_to_runnable(other), config)


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:150]} … {text[-40:]}"


def _line_in_template(error: BaseException) -> int:
    """The line of the template that raised ``error``: Jinja rewrites tracebacks to tell it."""
    line = 1
    cause: BaseException | None = error
    while cause is not None:
        trace: types.TracebackType | None = cause.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == "<template>":
                line = trace.tb_lineno
            trace = trace.tb_next
        cause = cause.__cause__
    return line
