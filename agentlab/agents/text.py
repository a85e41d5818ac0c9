"""Steps in text (ReAct), for models without native tool calls.

The history keeps native tool calls; text is only what this model is shown of them, and what it
writes. Each step is a turn of the assistant and each result one of the user, so that what a local
model has evaluated is never evaluated again.

Source: Yao et al., ReAct: Synergizing Reasoning and Acting in Language Models, 2022.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    ToolCall,
    ToolMessage,
)
from langchain_core.messages.ai import UsageMetadata, add_usage
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool

from agentlab.agents.grammar import arguments, rest_grammar, step_grammar
from agentlab.agents.reading import Step, StepReader
from agentlab.agents.views import NOW, View, with_last_words, with_system
from agentlab.calculator.equations import Wrong, wrong_equations
from agentlab.events import Event, Token
from agentlab.models._arguments import filled
from agentlab.models._structured import ENDED, was_cut
from agentlab.prompts import Prompt

_THOUGHT_OF_ANSWER = "I know the answer."
_ANEW = "Write the step anew, from the right number on."
_REST = "That is enough thought. Go on with Action and Action Input, or with Final Answer."
_REST_OF_ANSWER = "That is enough thought. Go on with Final Answer."
_LONGEST = 6000  # characters of a reply that is shown again
_THOUGHT_OF_CALL = "I need a tool."
CALCULATOR = "calculator"  # with it among the tools, the equations of a thought are checked
_KEPT = (*ENDED, "model_name", "model_provider", "seed")


class TextSteps:
    """Asks ``model`` by ``prompt``; ``constrained`` models decode under a grammar."""

    def __init__(
        self,
        model: Runnable[Any, Any],
        prompt: Prompt,
        tools: Sequence[BaseTool],
        *,
        constrained: bool,
        notice: str = "",
    ) -> None:
        self._model = model
        self._prompt = prompt
        self._tools = list(tools)
        self._notice = notice
        self._constrained = constrained
        self._calculates = any(tool.name == CALCULATOR for tool in tools)
        self._bound = dict.fromkeys(("step", "whole", "final"), model)
        # Of each tool whose arguments the grammar bounds, what they are.
        self._properties: dict[str, Any] = {}
        if constrained:
            self._properties = {tool.name: arguments(tool)["properties"] for tool in self._tools}
            self._bound = {
                "step": model.bind(lark=step_grammar(self._tools)),
                "whole": model.bind(lark=step_grammar(self._tools, whole=True)),
                "final": model.bind(lark=step_grammar(self._tools, final=True)),
            }
            self._rests = {
                last: model.bind(lark=rest_grammar([] if last else self._tools))
                for last in (False, True)
            }

    def attempt(self, view: View, reminders: Sequence[BaseMessage], *, more: bool) -> TextAttempt:
        """See :class:`~agentlab.agents.asking.Strategy`."""
        messages = [*self._messages(view), *reminders]
        if view.last:
            messages = with_last_words(messages, f"{NOW} Begin with: Final Answer:")
        checked = self._calculates and not view.last
        reader = StepReader(self._tools, exact=self._constrained)
        may_call = bool(self._tools) and not view.last
        return TextAttempt(
            self._bound["final" if view.last else "step" if more else "whole"],
            messages,
            reader,
            may_call=may_call,
            checked=checked,
            rest=self._rests_of(view) if self._constrained else None,
            held=self._properties,
        )

    def _rests_of(self, view: View) -> Callable[[list[BaseMessage], str], TextAttempt]:
        tools = [] if view.last else self._tools

        def rest(messages: list[BaseMessage], thought: str) -> TextAttempt:
            """A call for the action or the answer alone, after ``thought``."""
            said = AIMessage(f"Thought: {thought}")
            told = HumanMessage(_REST if tools else _REST_OF_ANSWER)
            return TextAttempt(
                self._rests[view.last],
                [*messages, said, told],
                StepReader(tools, exact=True),
                may_call=bool(tools),
                thought=thought,
                held=self._properties,
            )

        return rest

    def _messages(self, view: View) -> list[BaseMessage]:
        values = {
            "input": view.task,
            "history": as_text(view.history),
            "tools": described(self._tools),
            "tool_names": [tool.name for tool in self._tools],
        }
        if "scratchpad" in self._prompt.variables:
            steps = "\n".join(m.text for m in as_text(view.steps))
            return with_system(self._prompt.render({**values, "scratchpad": steps}), self._notice)
        return with_system([*self._prompt.render(values), *as_text(view.steps)], self._notice)


class TextAttempt:
    """See :class:`~agentlab.agents.asking.Attempt`."""

    def __init__(
        self,
        runnable: Runnable[Any, Any],
        messages: list[BaseMessage],
        reader: StepReader,
        *,
        may_call: bool,
        checked: bool = False,
        rest: Callable[[list[BaseMessage], str], TextAttempt] | None = None,
        thought: str = "",
        held: Mapping[str, Any] | None = None,
    ) -> None:
        self.runnable = runnable
        self.messages = messages
        self.message: AIMessage | None = None
        self._may_call = may_call
        self._make_rest = rest
        self._held_to = held or {}
        self.rest: TextAttempt | None = None
        self._thought = thought  # of the call before, where this one has none of its own
        self._reader = reader
        self._usage: UsageMetadata | None = None
        self._metadata: dict[str, Any] = {}
        self._written: list[str] = []
        self._answered = False
        self.problem = ""
        self._checked = checked
        self._wrong: list[Wrong] | None = None  # what is wrong in the thought, once it has ended

    @property
    def done(self) -> bool:
        return self._reader.done

    @property
    def usage(self) -> UsageMetadata | None:
        """As the model tells it.

        Of a reply that was not read to its end, one token a piece, which is the least; nothing
        where the model tells all of it at the end.
        """
        if self._usage is None or self._usage["output_tokens"]:
            return self._usage
        written = len(list(filter(None, self._written)))
        unfinished = UsageMetadata(input_tokens=0, output_tokens=written, total_tokens=written)
        return add_usage(self._usage, unfinished)

    @property
    def held(self) -> str:
        return ""

    def take(self, chunk: AIMessageChunk) -> Iterator[Event]:
        text = chunk if isinstance(chunk, str) else str(chunk.text)
        if isinstance(chunk, AIMessageChunk):
            if chunk.usage_metadata:
                self._usage = add_usage(self._usage, chunk.usage_metadata)
            self._metadata |= {k: v for k, v in chunk.response_metadata.items() if k in _KEPT}
        self._written.append(text)
        yield from self._heard(self._reader.take(text))

    def end(self, *, settle: bool, more: bool) -> Iterator[Event]:
        yield from self._heard(self._reader.end())
        step = self._reader.step()
        if self.correction and not settle:
            return
        step = replace(step, thought=self._thought or step.thought)
        cut = self._was_cut and not step.answer
        if cut and not self._reader.done:
            self.problem = "it was cut before its end: write less"
        elif full := self._full(step):
            self.problem = full
        elif step.name and self._may_call:
            self.message = self._calling(step)
        elif step.answer:
            self.message = self._answering(step.answer, step.thought)
        else:
            self.problem = step.problem or "it is no final answer"
        if self.message is None and more:
            self.rest = self._rest_of(step.thought)
        if self.message is None and settle and self.rest is None:
            answer = step.answer or step.thought or ""
            self.message = self._answering(answer, "")
        if self.message is not None and self.message.content and not self._answered:
            yield Token(str(self.message.content))

    @property
    def reminder(self) -> list[BaseMessage]:
        said = AIMessage("".join(self._written)[:_LONGEST] or "(nothing)")
        if self.correction:
            found = "; ".join(map(str, self._wrong or ()))
            return [said, HumanMessage(f"Observation: the calculator finds {found}. {_ANEW}")]
        return [
            said,
            HumanMessage(
                f"That was not a step: {self.problem}. Write one step, as you were told: Thought, "
                "Action, Action Input; or Thought, Final Answer."
            ),
        ]

    def _full(self, step: Step) -> str:
        """What is wrong with a call where the grammar may have ended a text before its end."""
        names = filled(step.args or {}, self._held_to.get(step.name, {}))
        return f"its argument {names[0]!r} is too long: write less" if names else ""

    def _rest_of(self, thought: str) -> TextAttempt | None:
        """A thought, after which nothing came or what came was cut, is the first half of a step."""
        half = bool(thought) and (self._was_cut or not self._reader.began_to_act)
        return self._make_rest(self.messages, thought) if half and self._make_rest else None

    @property
    def _was_cut(self) -> bool:
        return was_cut(AIMessage("", response_metadata=self._metadata))

    def _heard(self, events: Iterator[Event]) -> Iterator[Event]:
        for event in events:
            if isinstance(event, Token):
                if self.correction:  # the answer to come is not shown, as it is not the last
                    continue
                self._answered = True
            yield event

    @property
    def correction(self) -> bool:
        """Whether its thought, which has ended, has a wrong equation."""
        if not self._checked:
            return False
        if self._wrong is None:
            self._wrong = wrong_equations(self._reader.step().thought)
        return bool(self._wrong)

    def _calling(self, step: Step) -> AIMessage:
        # From what led to it, so that a replayed run makes the same one.
        seen = json.dumps([[m.type, m.text] for m in self.messages]) + "".join(self._written)
        call_id = f"call_{hashlib.sha256(seen.encode()).hexdigest()[:12]}"
        call = ToolCall(name=step.name, args=step.args or {}, id=call_id, type="tool_call")
        return AIMessage("", tool_calls=[call], **self._more(step.thought))

    def _answering(self, answer: str, thought: str) -> AIMessage:
        return AIMessage(answer, **self._more(thought))

    def _more(self, thought: str) -> dict[str, Any]:
        kept = {"reasoning_content": thought} if thought else {}
        return {"additional_kwargs": kept, "response_metadata": self._metadata}


def as_text(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """``messages`` with calls, results and answers in the form of text steps."""
    results = {m.tool_call_id: m for m in messages if isinstance(m, ToolMessage)}
    told: list[BaseMessage] = []
    for message in messages:
        if isinstance(message, AIMessage):
            told += _told(message, results)
        elif not isinstance(message, ToolMessage):
            told.append(message)
    return told


def _told(message: AIMessage, results: dict[str, ToolMessage]) -> list[BaseMessage]:
    thought = str(message.additional_kwargs.get("reasoning_content") or "").strip()
    if not message.tool_calls:
        return [
            AIMessage(f"Thought: {thought or _THOUGHT_OF_ANSWER}\nFinal Answer: {message.text}")
        ]
    thought = thought or message.text.strip() or _THOUGHT_OF_CALL
    told: list[BaseMessage] = []
    for call in message.tool_calls:
        given = json.dumps(call["args"], ensure_ascii=False)
        told.append(AIMessage(f"Thought: {thought}\nAction: {call['name']}\nAction Input: {given}"))
        result = results.get(call["id"] or "")
        told.append(HumanMessage(f"Observation: {result.text if result else '(no result)'}"))
    return told


def described(tools: Sequence[BaseTool]) -> str:
    """The tools as a model is told of them: signature, purpose, arguments."""
    return "\n".join(_described(tool) for tool in tools)


def _described(tool: BaseTool) -> str:
    schema = arguments(tool)
    required = schema.get("required", [])
    properties: dict[str, Any] = schema["properties"]
    signature = ", ".join(
        f"{name}{'' if name in required else '?'}: {_kind(one)}" for name, one in properties.items()
    )
    about = "\n  ".join(tool.description.strip().splitlines())
    lines = [f"{tool.name}({signature}): {about}"]
    lines += [
        f"  {name}: {' '.join(one['description'].split())}"
        for name, one in properties.items()
        if one.get("description")
    ]
    return "\n".join(lines)


def _kind(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
    kind = schema.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)
