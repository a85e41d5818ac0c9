"""From chat messages to the text and tokens a local model reads, by the model's own chat template.

The template comes inside the model file and is untrusted: it runs in a sandbox. What templates
differ in is found by rendering probes, not by their names:

- one without a system role gets the system message at the head of the first user message;
- one that wants roles to alternate gets neighbours of one role as one message.

Text of a message never acts as markup: a control token written in it (``<|im_end|>``) is read as
letters.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, Protocol

from jinja2 import TemplateError
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from agentlab._sandbox import chat_environment, compile_template, render
from agentlab.errors import ConfigError, ModelError, ModelFileError
from agentlab.models._call_form import CALL_ID, CallForm, call_form
from agentlab.models._marks import Marks

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_ROLES: dict[type[BaseMessage], str] = {
    SystemMessage: "system",
    HumanMessage: "user",
    AIMessage: "assistant",
    ToolMessage: "tool",
}
_SENTINEL = "zqxSENTINELxqz"
_CALLED = "zqxCALLEDxqz"
_TOOL = {
    "type": "function",
    "function": {
        "name": _CALLED,
        "description": "a",
        "parameters": {"type": "object", "properties": {}},
    },
}

Turn = dict[str, Any]  # {"role": …, "content": …}


class Vocabulary(Protocol):
    """What is needed of a model's vocabulary."""

    @property
    def bos(self) -> str: ...
    @property
    def eos(self) -> str: ...
    @property
    def adds_bos(self) -> bool: ...
    @property
    def control_tokens(self) -> Collection[str]: ...
    @property
    def added_tokens(self) -> Collection[str]: ...

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """``text`` as token ids."""


class ChatTemplate:
    """A model's chat template, ready to render.

    Raises:
        ModelFileError: the template is not jinja2, or cannot render one user message.
    """

    def __init__(self, source: str, vocabulary: Vocabulary, name: str = "the model") -> None:
        self.vocabulary = vocabulary
        self._name = name
        self._knows_tools = "tool" in source
        another = "give another one: chat_template='chatml', or jinja2 text"
        try:
            self._template = compile_template(chat_environment(), source)
            shown = self._first_shown()
        except TemplateError as error:
            raise ModelFileError(
                f"the chat template of {name} does not work: {error}", hint=another
            ) from error
        if _SENTINEL not in shown:
            raise ModelFileError(
                f"the chat template of {name} leaves out what the user says", hint=another
            )

    def _first_shown(self) -> str:
        """One user message rendered as transformers does: without tools, but with their names."""
        self._absent: dict[str, None] = {"tools": None, "documents": None}
        turns: list[Turn] = [{"role": "user", "content": _SENTINEL}]
        with suppress(TemplateError):
            return self._apply(turns)
        self._absent = {}  # some go through the tools without a look whether there are any
        return self._apply(turns)

    def __deepcopy__(self, _memo: object) -> ChatTemplate:
        return self  # it does not change, and its vocabulary cannot be copied

    # -- what the template can do ------------------------------------------------------------

    @cached_property
    def has_system_role(self) -> bool:
        """Whether a system message at the head is rendered."""
        return self._shows(("system", _SENTINEL), ("user", "a"))

    @cached_property
    def has_later_system(self) -> bool:
        """Whether a system message between turns is rendered."""
        return self._shows(("user", "a"), ("assistant", "b"), ("system", _SENTINEL), ("user", "c"))

    @cached_property
    def has_tool_role(self) -> bool:
        """Whether it shows tool calls and their results in a form of its own."""
        if not self._knows_tools:  # a template that shows any role does not know this one
            return False
        function = {"name": _CALLED, "arguments": {}}
        call = {"type": "function", "id": CALL_ID, "function": function}
        turns: list[Turn] = [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "content": _SENTINEL, "name": _CALLED, "tool_call_id": CALL_ID},
        ]
        with suppress(TemplateError):
            shown = self._apply(turns)
            return 0 <= shown.find(_CALLED) < shown.find(_SENTINEL)
        return False

    @cached_property
    def declares_tools(self) -> bool:
        """Whether it tells the model of tools it is given."""
        with suppress(TemplateError):
            return _CALLED in self._apply([{"role": "user", "content": "a"}], [_TOOL])
        return False

    @cached_property
    def call_form(self) -> CallForm | None:
        """How it writes tool calls; None where that cannot be made out."""
        return call_form(lambda turns: self._apply(turns, [_TOOL]))

    @cached_property
    def must_alternate(self) -> bool:
        """Whether two messages of one role in a row are refused."""
        return not self._shows(("user", "a"), ("user", _SENTINEL))

    def _shows(self, *turns: tuple[str, str]) -> bool:
        try:
            return _SENTINEL in self._apply([{"role": r, "content": c} for r, c in turns])
        except TemplateError:
            return False

    # -- rendering ---------------------------------------------------------------------------

    def text(self, messages: Sequence[BaseMessage], tools: Sequence[Turn] = ()) -> str:
        """Exactly the text that the model reads, with ``tools`` in OpenAI's form.

        Raises:
            ConfigError: no message, or one that is not text.
            ModelError: the template refuses the messages.
        """
        return "".join(part for part, _ in self._parts(messages, tools))

    def tokens(self, messages: Sequence[BaseMessage], tools: Sequence[Turn] = ()) -> list[int]:
        """:meth:`text` as token ids, control tokens of the messages' own text as letters.

        Raises:
            ConfigError, ModelError: as :meth:`text`.
        """
        vocabulary = self.vocabulary
        ids: list[int] = []
        for part, special in self._parts(messages, tools):
            ids += vocabulary.tokenize(part, special=special)
        if vocabulary.adds_bos and vocabulary.bos:
            first = vocabulary.tokenize(vocabulary.bos, special=True)
            if ids[: len(first)] != first:
                ids = first + ids
        return ids

    def _parts(
        self, messages: Sequence[BaseMessage], tools: Sequence[Turn]
    ) -> list[tuple[str, bool]]:
        """The text in parts; of each, whether control tokens in it mean something."""
        turns = [_turn(message) for message in messages]
        try:
            return self._marked(self._fitted(turns, tools=self.has_tool_role), tools)
        except TemplateError as error:
            with suppress(TemplateError):
                if self.has_tool_role and any("tool_calls" in turn for turn in turns):
                    # It knows tools, but not calls like these (two at once, say).
                    return self._marked(self._fitted(turns, tools=False), tools)
            raise ModelError(
                f"the chat template of {self._name} refuses these messages: {error}",
                hint="look at the order of their roles",
            ) from error

    def _marked(self, turns: list[Turn], tools: Sequence[Turn]) -> list[tuple[str, bool]]:
        marks = Marks(turns, self.vocabulary, tools)
        return marks.split(self._apply(marks.turns, marks.tools))

    def _fitted(self, turns: list[Turn], *, tools: bool) -> list[Turn]:
        """``turns`` as this template can show them; tool calls as such, or as text."""
        if not turns:
            raise ConfigError("there is no message to answer", hint="give at least a user message")
        if not tools:
            turns = [_told(turn) for turn in turns]
        if any(turn["role"] == "system" for turn in turns[1:]) and not self.has_later_system:
            turns = _system_first(turns)
        if turns[0]["role"] == "system" and not self.has_system_role:
            head, *turns = turns
            if not turns or turns[0]["role"] != "user":
                turns.insert(0, {"role": "user", "content": ""})
            turns[0] = _joined(head, turns[0], role="user")
        if self.must_alternate:
            turns = _merged(turns)
            first = 1 if turns[0]["role"] == "system" else 0
            if turns[first:] and turns[first]["role"] == "assistant":
                turns.insert(first, {"role": "user", "content": ""})
        return turns

    def _apply(self, turns: list[Turn], tools: Sequence[Turn] = ()) -> str:
        return render(
            self._template,
            {
                "messages": turns,
                **self._absent,
                **({"tools": list(tools)} if tools else {}),
                "add_generation_prompt": True,
                "bos_token": self.vocabulary.bos,
                "eos_token": self.vocabulary.eos,
            },
        )


def _turn(message: BaseMessage) -> Turn:
    # By class: the `type` of a streamed chunk is another word.
    role = next((name for kind, name in _ROLES.items() if isinstance(message, kind)), None)
    if isinstance(message, ChatMessage):
        role = message.role
    if role is None:
        raise ConfigError(f"a local model cannot read a {type(message).__name__}")
    turn: Turn = {"role": role, "content": _text(message)}
    if isinstance(message, AIMessage) and message.tool_calls:
        turn["tool_calls"] = [
            {
                "type": "function",
                "id": call["id"] or "",
                "function": {"name": call["name"], "arguments": call["args"]},
            }
            for call in message.tool_calls
        ]
    if isinstance(message, ToolMessage):
        turn["name"] = message.name or "tool"
        turn["tool_call_id"] = message.tool_call_id
    return turn


def _text(message: BaseMessage) -> str:
    if isinstance(message.content, str):
        return message.content
    if message.content is None:  # as other clients write a message that only calls tools
        return ""
    for block in message.content or []:
        kind = "text" if isinstance(block, str) else block.get("type", "text")
        if kind not in ("text", "reasoning", "thinking", "tool_call", "tool_use"):
            raise ConfigError(
                f"a message holds a block of type {kind!r}, and this model reads text only",
                hint="leave it out, or use a model that takes it",
            )
    return message.text


def _told(turn: Turn) -> Turn:
    """Tool calls and results as plain text, for a template that knows neither."""
    calls: Callable[[Turn], list[str]] = lambda t: [  # noqa: E731
        f"[call {c['function']['name']}({json.dumps(c['function']['arguments'])})]"
        for c in t.get("tool_calls", [])
    ]
    if turn["role"] == "tool":
        return {"role": "user", "content": f"[result of {turn['name']}]\n{turn['content']}"}
    lines = [turn["content"], *calls(turn)]
    return {"role": turn["role"], "content": "\n".join(line for line in lines if line)}


def _system_first(turns: list[Turn]) -> list[Turn]:
    system = [t for t in turns if t["role"] == "system"]
    content = "\n\n".join(t["content"] for t in system)
    rest = [t for t in turns if t["role"] != "system"]
    return [{"role": "system", "content": content}, *rest]


def _merged(turns: list[Turn]) -> list[Turn]:
    merged: list[Turn] = []
    for turn in turns:
        if merged and merged[-1]["role"] == turn["role"] != "tool":
            merged[-1] = _joined(merged[-1], turn, role=turn["role"])
        else:
            merged.append(turn)
    return merged


def _joined(first: Turn, second: Turn, *, role: str) -> Turn:
    both = [t["content"] for t in (first, second) if t["content"]]
    calls = first.get("tool_calls", []) + second.get("tool_calls", [])
    return {"role": role, "content": "\n\n".join(both), **({"tool_calls": calls} if calls else {})}
