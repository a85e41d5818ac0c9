"""What a scenario runs: the Runnable it names, and the one or more inputs it is given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable
from pydantic import BaseModel

from agentlab._yaml import nearest
from agentlab.boundary import recordable
from agentlab.errors import ScenarioError
from agentlab.scenarios.cases import Case
from agentlab.scenarios.importing import attribute_of, importable
from agentlab.scenarios.models import Models
from agentlab.scenarios.results import TurnRun

ANSWER_KEYS = ("answer", "output", "text", "messages")


class Target:
    """The target of ``case``, made in the run itself, so that all it does crosses the boundary.

    ``position`` tells how many calls were made.
    """

    def __init__(self, case: Case, models: Models, position: Callable[[], int]) -> None:
        self._case = case
        self._models = models
        self._position = position

    def run(self, turns: list[TurnRun]) -> None:
        """Run it from the first input to the last, adding what came to ``turns``.

        Raises:
            ScenarioError: there is no such target, or it is none.
            Exception: whatever the target raised; its turn has the error.
        """
        with importable(self._case.file.project):
            runnable = self._made()
            said = [user for user, _ in self._case.turns]
            if not said and self._case.kind == "chat":
                if not isinstance(self._case.input, str):
                    raise ScenarioError("the input of a chat is a text", hint="or give it turns")
                said = [self._case.input]
            if said:
                self._converse(runnable, said, turns)
            else:
                self._invoke(runnable, turns)

    def _made(self) -> Any:
        case = self._case
        if ":" in case.target:
            return self._of_project(attribute_of(case.target, case.file.project))
        model = self._models.get(case.model)
        if case.tools:
            from agentlab.agents import create_agent

            # As in the chat at the prompt: the usual prompt is not an agent's.
            prompt = None if case.target == "chat" else case.target
            return create_agent(model, [self._tool(name) for name in case.tools], prompt=prompt)
        if case.kind == "chat":
            from agentlab.prompts import load_prompt

            return load_prompt(case.target) | model
        from agentlab.chains import load_chain

        return _of_prompt(case.target, model) or load_chain(case.target, model)

    def _tool(self, name: str) -> Any:
        return attribute_of(name, self._case.file.project) if ":" in name else name

    def _of_project(self, found: Any) -> Any:
        name = self._case.target
        if isinstance(found, Runnable):
            if self._case.model is not None:
                raise ScenarioError(
                    f"{name} has its own model, so it can't be given one",
                    hint="make it a function of a model: def chain(model): …",
                )
        elif callable(found):
            found = found(**self._arguments(found))
        if not callable(getattr(found, "invoke", None)):
            raise ScenarioError(
                f"{name} is of type {type(found).__name__}, not a Runnable",
                hint="give a Runnable, or a function that makes one",
            )
        return recordable(found) if isinstance(found, Runnable) else found

    def _arguments(self, factory: Callable[..., Any]) -> dict[str, Any]:
        """The models that ``factory`` asks for, by the names of its parameters."""
        found: dict[str, Any] = {}
        takes_one = False
        for name, parameter in inspect.signature(factory).parameters.items():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            if name == "model" and name not in self._models.named:
                found[name] = self._models.get(self._case.model)
                takes_one = True
            elif name in self._models.named:
                found[name] = self._models.get(name)
                takes_one = takes_one or name == "model"
            elif parameter.default is parameter.empty:
                raise ScenarioError(
                    f"{self._case.target} needs {name!r}, and there is no such model"
                    + nearest(name, [*self._models.named, "model"]),
                    hint="its parameters are names under models:, or `model`",
                )
        if self._case.model is not None and not takes_one:
            raise ScenarioError(
                f"{self._case.target} takes no model, so it can't be given one",
                hint="name a parameter `model`",
            )
        return found

    def _invoke(self, runnable: Any, turns: list[TurnRun]) -> None:
        given, first = self._case.input, self._position()
        chunks: list[str] = []
        try:
            if self._case.streams:
                output = _streamed(runnable, given, chunks)
            else:
                output = runnable.invoke(given)
        except Exception as error:
            turns.append(
                TurnRun(given, None, "", first, self._position(), chunks=chunks, error=error)
            )
            raise
        value = plain(output)
        documents = value.get("documents") if isinstance(value, Mapping) else None
        turns.append(
            TurnRun(
                given,
                value,
                text_of(value),
                first,
                self._position(),
                documents=[_document(d) for d in documents or ()],
                chunks=chunks,
            )
        )

    def _converse(self, runnable: Any, said: list[str], turns: list[TurnRun]) -> None:
        from agentlab.events import Answer, Token
        from agentlab.session import Session

        session = Session(runnable, self._memory(runnable), system=self._case.system)
        for user in said:
            first = self._position()
            shown = session.memory.view(session.shown)
            chunks: list[str] = []
            answer: Any = None
            try:
                for event in session.events(user):
                    if isinstance(event, Token):
                        chunks.append(event.text)
                    elif isinstance(event, Answer):
                        answer = event.value
                session.settle()
            except Exception as error:
                text = "".join(chunks)
                last = self._position()
                turns.append(TurnRun(user, None, text, first, last, shown, (), chunks, error))
                raise
            turns.append(
                TurnRun(user, answer, answer.text, first, self._position(), shown, (), chunks)
            )

    def _memory(self, runnable: Any) -> Any:
        spec = self._case.memory
        if spec is None:
            return None
        from agentlab.memory import parse_memory
        from agentlab.session.target import find_model

        return parse_memory(spec, find_model(runnable))


def _of_prompt(name: str, model: Any) -> Any:
    """The prompt ``name`` and ``model``, as ``agentlab run`` does; None where it is a chain's name.

    Raises:
        PromptError: it can only be a prompt, and there is none, or it is malformed.
    """
    from agentlab.chains.library import CHAINS
    from agentlab.errors import PromptError
    from agentlab.prompts import load_prompt

    if name in CHAINS:
        return None
    try:
        return load_prompt(name) | model
    except PromptError:
        if name.endswith(".md") or "/" in name:
            raise
        return None  # what is told of an unknown name is the chains' part


def _streamed(runnable: Any, given: Any, chunks: list[str]) -> Any:
    """The output of ``runnable``; ``chunks`` is given the texts as they come.

    It may stream events (agents and answers from documents do), which end with the ``Answer``.
    """
    from agentlab.chains import Chain
    from agentlab.events import Answer, Event, Token

    # Only a chain's events have the tokens of agents among its steps.
    items = runnable.events(given) if isinstance(runnable, Chain) else runnable.stream(given)
    output: Any = None
    for item in items:
        match item:
            case Token(text=text):
                chunks.append(text)
            case Answer(value=value):
                output = value
            case Event():
                pass
            case _:
                if text := _text_of_chunk(item, given):
                    chunks.append(text)
                output = item if output is None else output + item
    return output


def _text_of_chunk(chunk: Any, given: Any) -> str:
    if isinstance(chunk, Mapping):
        known = given if isinstance(given, Mapping) else {}
        values = [v for k, v in chunk.items() if not (k in known and known[k] == v)]
        return "".join(text_of(value) for value in values if isinstance(value, str | BaseMessage))
    return text_of(chunk) if isinstance(chunk, str | BaseMessage) else ""


def text_of(value: Any) -> str:
    """The text of what a target returned: the answer of a mapping, a chain's last step."""
    if isinstance(value, str):
        return value
    if isinstance(value, BaseMessage):
        return value.text
    if isinstance(value, Mapping) and value:
        key = next((key for key in ANSWER_KEYS if key in value), [*value][-1])
        return text_of(value[key])
    if isinstance(value, list) and value and isinstance(value[-1], BaseMessage):
        return value[-1].text
    if value is None:
        return ""
    import json

    return json.dumps(value, ensure_ascii=False, default=str)


def plain(value: Any) -> Any:
    """``value`` with structured answers as plain mappings; messages and documents stay."""
    if isinstance(value, BaseMessage) or hasattr(value, "page_content"):
        return value
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def _document(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    if hasattr(value, "page_content"):
        named = {} if value.id is None else {"id": value.id}
        return {**value.metadata, **named, "text": value.page_content}
    return {"text": str(value)}
