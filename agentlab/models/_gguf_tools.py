"""Tool calls of local models: told by the chat template, decoded under a grammar of the tools."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.messages.tool import ToolCall
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from agentlab.errors import ConfigError
from agentlab.models._arguments import LAYOUT, bounded
from agentlab.models._call_form import written_out
from agentlab.models._json_schema import Misfit, WrongSchema, check_fit
from agentlab.models._marks import any_of
from agentlab.offline import is_offline

if TYPE_CHECKING:
    from agentlab.engine import Constraint
    from agentlab.models._call_form import CallForm
    from agentlab.models.template import ChatTemplate, Vocabulary

TOOLS = frozenset({"tools", "tool_choice", "parallel_tool_calls", "strict"})
_THOUGHT = ("<think>", "</think>")  # where these are tokens, no text of a grammar is one
_MOST_CALLS = 8  # of one message
_CHOICES = ("auto", "none", "any", "required")
# How a call is written out that a model does not write as its template says.
_HEAD = re.compile(r"(?:```(?:json)?\s*)?\{\s*", re.IGNORECASE)
_HINT = (
    "an agent's steps in text need none: create_agent(model, tools), or a prompt with {{ tools }}"
)


@dataclass(frozen=True, slots=True)
class Calling:
    """The tools of one call.

    Attributes:
        tools: as OpenAI's API has them; the model is told of all.
        callable: those that may be called.
        free: whether text without a call will do.
        most: how many calls an answer may have.
    """

    tools: tuple[dict[str, Any], ...]
    callable: tuple[dict[str, Any], ...]
    free: bool
    most: int

    def form(self, template: ChatTemplate, model: str) -> CallForm:
        """How ``model`` writes calls.

        Raises:
            ConfigError: its template declares no tools, or in no form that can be made out.
        """
        if not template.declares_tools:
            raise ConfigError(f"the chat template of {model} declares no tools", hint=_HINT)
        form = template.call_form
        if form is None:
            raise ConfigError(
                f"the chat template of {model} writes tool calls in an unknown form", hint=_HINT
            )
        return form

    def constraint(self, form: CallForm, template: ChatTemplate) -> Constraint:
        """What the answer can only be: text, or calls that fit the tools' schemas.

        Raises:
            GrammarError: a tool's schema does not compile.
        """
        from agentlab.engine import compile_lark

        return compile_lark(self.grammar(form, template))

    def grammar(self, form: CallForm, template: ChatTemplate) -> str:
        """The Lark grammar of :meth:`constraint`."""
        control = any_of(frozenset(template.vocabulary.control_tokens))
        tokens = any_of(_no_text(template.vocabulary))

        def literal(text: str) -> str:
            return " ".join(_literals(text, tokens, template.vocabulary))

        several = self.most if form.between is not None else 1
        more = f" ({literal(form.between or '')} object){{0,{several - 1}}}" if several > 1 else ""
        rest = f"object{more} {literal(form.after)}"
        mark = form.mark(control)
        lines = []
        if not self.callable:
            lines.append("start: ANY")
        elif not self.free:
            lines.append(f"start: {literal(form.before)} {rest}")
        elif mark:
            within = literal(form.before.partition(mark)[2])
            lines.append(f"TEXT: /(.|\\n)+/ & ~/(.|\\n)*{_escaped(mark)}(.|\\n)*/")
            if tokens.fullmatch(mark):
                known = all(map(tokens.fullmatch, _THOUGHT))
                lead = "thought? " if known else ""
                lines.append(f"start: {lead}(TEXT | TEXT? {literal(mark)} {within} {rest})")
                if known:
                    lines.append("thought: {} TEXT? {}".format(*map(literal, _THOUGHT)))
            else:
                lines.append(f"start: TEXT | words {within} {rest}")
                lines.append(f"words[suffix={_quoted(mark)}]: /(.|\\n)*/")
        else:
            first = control.sub("", form.before).strip()[:1] or "{"
            lines += [
                f"start: TEXT | {literal(form.before)} {rest}",
                f"TEXT: /[^\\s{_escaped(first)}](.|\\n)*/",
            ]
        if not self.callable:
            lines.append(r"ANY: /(.|\n)+/")
        else:
            ways = " | ".join(f"object_{n}" for n in range(len(self.callable)))
            lines.append(f"object: {ways}")
        for n, tool in enumerate(self.callable):
            lines += _object_rules(n, tool["function"], form)
        return "\n".join(lines) + "\n"

    def reader(self, form: CallForm, template: ChatTemplate, prompt: Sequence[int]) -> CallReader:
        """Reads an answer to ``prompt``."""
        control = any_of(frozenset(template.vocabulary.control_tokens))
        schemas = {
            tool["function"]["name"]: tool["function"].get("parameters") or {}
            for tool in self.callable
        }
        seed = hashlib.sha256(repr(tuple(prompt)).encode()).hexdigest()
        return CallReader(form, control, schemas, seed)


class CallReader:
    """Parts the text of an answer from the calls in it, as it comes."""

    def __init__(
        self,
        form: CallForm,
        control: re.Pattern[str],
        schemas: Mapping[str, Mapping[str, Any]],
        seed: str,
    ) -> None:
        self._form = form
        self._control = control
        self._schemas = schemas
        self._seed = seed
        self._mark = form.mark(control)
        # What an answer may begin with that is one call and nothing else.
        begin = control.sub("", form.before).strip()
        self._beginnings = ("{", "```json", "```\n{", *([begin] if begin else []))
        self._held = ""
        self._began = False  # text, so that only the mark begins a call

    def take(self, text: str) -> str:
        """What of the answer so far can only be text, and was not given before."""
        self._held += text
        if not self._began and self._may_be_call():
            return ""
        self._began = True
        keep = _overlap(self._held, self._mark) if self._mark else len(self._held)
        given, self._held = self._held[:keep], self._held[keep:]
        return given

    def end(self) -> tuple[str, list[ToolCall]]:
        """The rest of the text, and the calls. A call that was cut is text."""
        held, self._held = self._held, ""
        words, mark, rest = held.partition(self._mark) if self._mark else ("", "", held)
        found = None
        if mark or not (self._mark or self._began):
            found = self._form.read(mark + rest, self._control)
        if found is None and not self._began:
            words, found = "", self._written_out(held)
        if found is None:
            return held, []
        return words.rstrip(), [self._call(n, *call) for n, call in enumerate(found)]

    def message(self, message: AIMessage) -> AIMessage:
        """``message`` with the calls that are in its text."""
        text = self.take(str(message.content))
        rest, calls = self.end()
        if not calls:
            return message
        return message.model_copy(update={"content": text + rest, "tool_calls": calls})

    def _written_out(self, text: str) -> list[tuple[str, dict[str, Any]]] | None:
        """The call that ``text`` is, where its arguments fit: no grammar saw to that."""
        found = written_out(text, self._schemas)
        for name, arguments in found or ():
            try:
                check_fit(arguments, self._schemas[name])
            except (Misfit, WrongSchema):
                return None
        return found

    def _may_be_call(self) -> bool:
        held = self._held.lstrip()
        if head := _HEAD.match(held):
            return '"name"'.startswith(held[head.end() :][:6])
        return any(held.startswith(b) or b.startswith(held) for b in self._beginnings)

    def _call(self, number: int, name: str, arguments: dict[str, Any]) -> ToolCall:
        # The same for the same prompt, and of a form that Mistral's template takes too.
        told = f"{self._seed} {number} {name} {json.dumps(arguments, sort_keys=True)}"
        call_id = hashlib.sha256(told.encode()).hexdigest()[:9]
        return ToolCall(name=name, args=arguments, id=call_id, type="tool_call")


def calling_of(given: Mapping[str, Any], model: str) -> Calling | None:
    """The tools that a call is ``given``, None where it has none.

    Raises:
        ConfigError: what they are, or which is to be called, is wrong.
    """
    tools = given.get("tools")
    if not tools:
        return None
    if not isinstance(tools, Sequence) or not all(map(_is_function, tools)):
        raise ConfigError(
            f"tools of {model} must be a list as OpenAI's API has it",
            hint="model.bind_tools([…]) takes functions, classes and tools",
        )
    asked = choice = given.get("tool_choice")
    if isinstance(choice, Mapping):
        function = choice.get("function")
        choice = function.get("name") if isinstance(function, Mapping) else choice.get("name")
        choice = choice if isinstance(choice, str) else ""
    elif choice is None or isinstance(choice, bool):
        choice = {None: "auto", False: "none", True: "required"}[choice]
    named = tuple(tool for tool in tools if tool["function"]["name"] == choice)
    if not named and choice not in _CHOICES:
        names = ", ".join(tool["function"]["name"] for tool in tools)
        raise ConfigError(
            f"tool_choice of {model} is {asked!r}, which is none of its tools",
            hint=f"one of {names}, or of {', '.join(_CHOICES)}",
        )
    called = named or (() if choice == "none" else tuple(tools))
    several = given.get("parallel_tool_calls") is not False and not named
    free = not named and choice in ("auto", "none")
    return Calling(tuple(tools), called, free, _MOST_CALLS if several else 1)


class BindsTools(BaseChatModel):
    """Binds tools to a local model."""

    if TYPE_CHECKING:

        @property
        def model_name(self) -> str: ...

        def _template_source(self) -> str | None: ...

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: dict[str, Any] | str | bool | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with tools, told as its chat template tells them.

        What it writes is decoded under a grammar made of the tools: a call is never malformed, of
        an unknown tool or without a required argument. One that is cut short stays text.

        Args:
            tools: tools, functions, pydantic classes, or dicts in OpenAI's form.
            tool_choice: ``auto``, ``none``, ``required`` (or ``any``), or the name of one.
            parallel_tool_calls: False for one call a message at most.

        Raises:
            ConfigError: ``tool_choice`` is wrong, or the chat template declares no tools; when
                called, its form of a call cannot be made out.
        """
        if tools and not is_offline() and "tools" not in (self._template_source() or ""):
            raise ConfigError(
                f"the chat template of {self.model_name} declares no tools", hint=_HINT
            )
        given = {
            "tools": [convert_to_openai_tool(tool) for tool in tools],
            "tool_choice": tool_choice,
            "parallel_tool_calls": parallel_tool_calls,
        }
        bound: Runnable[LanguageModelInput, AIMessage] = self.bind(
            **{k: v for k, v in given.items() if v is not None}, **kwargs
        )
        return bound


def _is_function(tool: Any) -> bool:
    function = tool.get("function") if isinstance(tool, Mapping) else None
    return isinstance(function, Mapping) and isinstance(function.get("name"), str)


def _object_rules(number: int, function: Mapping[str, Any], form: CallForm) -> list[str]:
    """The rules of one call's object, in the order and with the spaces of the template."""
    parameters = function.get("parameters") or {}
    schema = bounded({"type": "object", "properties": {}, **parameters})
    parts = []
    for place, key in enumerate(form.keys):
        head = ("{" if place == 0 else ", ") + json.dumps(key) + ": "
        if key == form.arguments:
            parts.append(f"{_quoted(head)} args_{number}")
        elif key == form.name:
            parts.append(_quoted(head + json.dumps(function["name"], ensure_ascii=False)))
        else:
            parts.append(f'{_quoted(head)} /"[a-zA-Z0-9]{{9}}"/')
    rules = f"object_{number}: {' '.join(parts)} {_quoted('}')}"
    return [rules, f"args_{number}: %json {json.dumps({'x-guidance': LAYOUT, **schema})}"]


def _no_text(vocabulary: Vocabulary) -> frozenset[str]:
    """The tokens of ``vocabulary`` that a grammar names by their numbers."""
    marked = (t for t in vocabulary.added_tokens if t.startswith("<") and t.endswith(">"))
    return frozenset({*vocabulary.control_tokens, *marked})


def _literals(text: str, tokens: re.Pattern[str], vocabulary: Vocabulary) -> list[str]:
    """``text`` in Lark; what ``tokens`` matches by its number."""
    parts, at = [], 0
    for found in tokens.finditer(text):
        parts += [_quoted(text[at : found.start()])] if found.start() > at else []
        (token, *_) = vocabulary.tokenize(found[0], special=True)
        parts.append(f"<[{token}]>")
        at = found.end()
    return [*parts, *([_quoted(text[at:])] if at < len(text) else [])]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _escaped(text: str) -> str:
    return re.escape(text).replace("/", "\\/")


def _overlap(text: str, mark: str) -> int:
    """How much of ``text`` comes before ``mark``, what may become it, and the space before that."""
    at = text.find(mark)
    if at < 0:
        partial = (
            n for n in range(min(len(mark) - 1, len(text)), 0, -1) if text.endswith(mark[:n])
        )
        at = len(text) - next(partial, 0)
    return len(text[:at].rstrip())
