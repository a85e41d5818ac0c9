"""What a session talks to: a chat model, a prompt and a model, or an agent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable, RunnableBinding, RunnableSequence

from agentlab.errors import ConfigError


class Target:
    """A Runnable that reads messages (a bare chat model) or ``{"input", "history", …}``.

    Raises:
        ConfigError: ``runnable`` is no Runnable.
    """

    def __init__(self, runnable: Any) -> None:
        if not callable(getattr(runnable, "stream", None)):
            raise ConfigError(
                f"a session talks to a model, chain or agent, not to {type(runnable).__name__}",
                hint='for example Session(load_prompt("chat") | load_model("smollm2"))',
            )
        self.runnable = runnable
        self.model = find_model(runnable)
        self._bare = isinstance(_unbound(runnable), BaseChatModel)
        steps = steps_of(runnable)
        self._system_name = next((name for step in steps if (name := _system_name(step))), None)
        forgetful = next((s for s in steps if getattr(s, "takes_history", True) is False), None)
        if forgetful is not None and not any(getattr(s, "takes_history", False) for s in steps):
            raise ConfigError(
                f"the prompt {forgetful.name!r} has no place for what was said before",
                hint='give it a section "# history" before its last "# user"',
            )

    def input(self, system: str | None, history: Sequence[BaseMessage], user: HumanMessage) -> Any:
        """What the Runnable is given.

        A system text goes to the prompt's variable ``system`` or ``persona`` where it has one, and
        else stands first in the history.
        """
        first = [SystemMessage(system)] if system and not self._system_name else []
        if self._bare:
            return [*first, *history, user]
        given: dict[str, Any] = {"input": user.text, "history": [*first, *history]}
        if system and self._system_name:
            given[self._system_name] = system
        return given

    def stream(self, given: Any) -> Iterator[Any]:
        """The answer's pieces: texts, messages, mappings or events."""
        yield from self.runnable.stream(given)

    async def astream(self, given: Any) -> AsyncIterator[Any]:
        """The same, asynchronously."""
        if not hasattr(self.runnable, "astream"):
            raise ConfigError(f"{type(self.runnable).__name__} cannot answer asynchronously")
        async for item in self.runnable.astream(given):
            yield item

    def messages(self, given: Any) -> list[BaseMessage] | None:
        """What its first call to a model would show it; the model is not called.

        Everything before the model does run, unless the target can tell without (``peek``). None
        when no chat model was reached.
        """
        peek = getattr(self.runnable, "peek", None)
        if callable(peek):
            return list(peek(given))
        try:
            self.runnable.invoke(given, {"callbacks": [_Peek()]})
        except _Seen as seen:
            return seen.messages
        return None


def find_model(runnable: Any) -> BaseChatModel | None:
    """The chat model that answers at the end of ``runnable``, None where none is to be seen."""
    runnable = _unbound(runnable)
    if isinstance(runnable, BaseChatModel):
        return runnable
    if isinstance(runnable, RunnableSequence):
        found = (find_model(step) for step in reversed(runnable.steps))
        return next((model for model in found if model is not None), None)
    for name in ("model", "runnable"):
        inner = getattr(runnable, name, None)
        if inner is not runnable and isinstance(inner, Runnable):
            return find_model(inner)
    return None


def _unbound(runnable: Any) -> Any:
    while isinstance(runnable, RunnableBinding):
        runnable = runnable.bound
    return runnable


def steps_of(runnable: Any) -> list[Any]:
    """The steps of a sequence, bindings taken off; anything else is one step."""
    runnable = _unbound(runnable)
    if isinstance(runnable, RunnableSequence):
        return [inner for step in runnable.steps for inner in steps_of(step)]
    return [runnable]


def _system_name(step: Any) -> str | None:
    for attribute in ("variables", "input_variables", "optional_variables"):
        names = getattr(step, attribute, None)
        if isinstance(names, list | tuple | Mapping):
            return next((name for name in ("system", "persona") if name in names), None)
    return None


class _Seen(BaseException):
    """Leaves a run at its first call to a model. Not an Exception, so no fallback takes it."""

    def __init__(self, messages: list[BaseMessage]) -> None:
        super().__init__()
        self.messages = messages


class _Peek(BaseCallbackHandler):
    raise_error = True
    run_inline = True

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[BaseMessage]], **kwargs: Any
    ) -> NoReturn:
        raise _Seen(list(messages[0]))
