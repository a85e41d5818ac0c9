"""A tool within its policy: timed, stoppable, its results text and its failures sentences."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForToolRun, CallbackManagerForToolRun
from langchain_core.messages import ToolMessage
from langchain_core.messages.tool import ToolOutputMixin
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool, Tool, ToolException
from langchain_core.utils.pydantic import get_fields
from pydantic import BaseModel, Secret, SecretBytes, SecretStr, ValidationError, create_model

from agentlab.boundary import recordable
from agentlab.errors import (
    AgentLabError,
    EffectRefused,
    NotRecordable,
    Offline,
    ScenarioFailed,
    SecretFound,
    ToolDefinitionError,
    ToolError,
)
from agentlab.tools import isolated, running
from agentlab.tools.policy import ASSUMED, ToolPolicy
from agentlab.tools.results import shorten, to_text
from agentlab.untrusted import note

# What a recording, a replay or the offline switch says; no model can do anything about it.
_OF_THE_RUN = (Offline, ScenarioFailed, EffectRefused, NotRecordable, SecretFound)
_MAX_MESSAGE = 500  # characters of a foreign exception's message


class GuardedTool(BaseTool):
    """``inner``, run within ``policy``.

    Called as a tool call (as agents do) it always answers with a ToolMessage, whose status is
    ``"error"`` where the tool failed. Called with bare arguments it returns text and raises
    :class:`~agentlab.errors.ToolError`.
    """

    inner: BaseTool
    policy: ToolPolicy
    file: Path | None = None
    assumed: bool = False  # nobody told the policy

    # What LangChain asks of a tool

    @functools.cached_property
    def _injected_args_keys(self) -> frozenset[str]:
        return self.inner._injected_args_keys

    @functools.cached_property
    def _given_by_program(self) -> frozenset[str]:
        """The arguments that are kept from the model: a runtime, a state, a key."""
        shown = self.inner.tool_call_schema
        if isinstance(shown, dict):
            return self._injected_args_keys
        everything: Any = self.inner.get_input_schema()
        return self._injected_args_keys | (get_fields(everything).keys() - get_fields(shown).keys())

    def _to_args_and_kwargs(
        self, tool_input: str | dict[str, Any], tool_call_id: str | None
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        try:
            return self.inner._to_args_and_kwargs(tool_input, tool_call_id)
        except ValidationError as error:
            raise _wrong_arguments(self, error) from error
        except (ToolException, ValueError, TypeError) as error:
            raise ToolError(
                f"the arguments of {self.name} are wrong: {error}", hint=_signature(self)
            ) from error

    def run(self, tool_input: str | dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Run it; see the class."""
        self._note()
        try:
            return super().run(tool_input, *args, **kwargs)
        except ToolError as error:
            return self._observation(error, kwargs.get("tool_call_id"))

    async def arun(self, tool_input: str | dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """:meth:`run`, awaited."""
        self._note()
        try:
            return await super().arun(tool_input, *args, **kwargs)
        except ToolError as error:
            return self._observation(error, kwargs.get("tool_call_id"))

    def _note(self) -> None:
        """Tell the conversation around that text from outside comes into it."""
        if self.policy.untrusted:
            note([self.name])

    def _observation(self, error: ToolError, tool_call_id: str | None) -> ToolMessage:
        if tool_call_id is None:
            raise error
        return ToolMessage(
            observation(error), name=self.name, tool_call_id=tool_call_id, status="error"
        )

    # Running

    def _run(
        self,
        *args: Any,
        config: RunnableConfig,
        run_manager: CallbackManagerForToolRun | None = None,
        **kwargs: Any,
    ) -> tuple[Any, Any]:
        try:
            self._refuse_secrets(args, kwargs)
            kwargs.update(_plumbing(self.inner._run, config, run_manager))
            return running.run(self._job(args, kwargs), self.name, self.policy.timeout)
        except BaseException as error:
            raise _as_tool_error(self.name, error) from error

    async def _arun(
        self,
        *args: Any,
        config: RunnableConfig,
        run_manager: AsyncCallbackManagerForToolRun | None = None,
        **kwargs: Any,
    ) -> tuple[Any, Any]:
        try:
            self._refuse_secrets(args, kwargs)
            if _has_own_coroutine(self.inner) and not self.policy.isolate:
                kwargs.update(_plumbing(self.inner._arun, config, run_manager))
                work = self.inner._arun(*args, **kwargs)
                value = await running.arun_coroutine(work, self.name, self.policy.timeout)
                return self._outcome(value)
            sync = run_manager.get_sync() if run_manager else None
            kwargs.update(_plumbing(self.inner._run, config, sync))
            return await running.arun(self._job(args, kwargs), self.name, self.policy.timeout)
        except BaseException as error:
            raise _as_tool_error(self.name, error) from error

    def _refuse_secrets(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Of a tool that sends something out: a model may have been told to send a key."""
        if not self.policy.network:
            return
        from agentlab.web.pages import refuse_secrets

        written = ((k, v) for k, v in kwargs.items() if k not in self._given_by_program)
        for name, value in (*written, *(("", value) for value in args)):
            what = f"the argument {name!r} of {self.name}" if name else f"what {self.name} is given"
            for text in _texts_in(value):
                refuse_secrets(text, what)

    def _job(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> running.Job[tuple[Any, Any]]:
        if self.policy.isolate:
            assert self.file is not None  # guard() looks
            return isolated.job(self.file, kwargs, self.policy)
        inner = self.inner
        if _only_async(inner):
            return running.Job(
                lambda: self._outcome(running.run_coroutine(lambda: inner._arun(*args, **kwargs)))
            )
        return running.Job(lambda: self._outcome(inner._run(*args, **kwargs)))

    def _outcome(self, value: Any) -> tuple[Any, Any]:
        """The text that the model is shown, and the artifact."""
        artifact = None
        if self.inner.response_format == "content_and_artifact":
            if not (isinstance(value, tuple) and len(value) == 2):
                raise ToolError(
                    f"{self.name} failed: it did not return its result", hint="go on without it"
                )
            value, artifact = value
        if isinstance(value, ToolMessage):
            text = to_text(value.content, self.policy.max_result)
            if value.status == "error":
                raise ToolError(text)
            return text, value.artifact
        if isinstance(value, ToolOutputMixin):  # a command to the agent's graph
            return value, artifact
        return to_text(value, self.policy.max_result), artifact


def guard(
    tool: BaseTool, policy: ToolPolicy | None = None, *, file: Path | None = None
) -> BaseTool:
    """``tool`` within ``policy``, its calls crossing the boundary. A guarded tool stays as it is.

    Without ``policy`` the tool counts as having side effects and as sending what it is given to
    other machines, as nobody said that it does not.

    Raises:
        ToolDefinitionError: ``policy`` isolates a tool that comes from no file.
    """
    if isinstance(tool, GuardedTool):
        return tool if policy is None else guard(tool.inner, policy, file=file or tool.file)
    assumed = policy is None
    policy = policy or ASSUMED
    if policy.isolate and file is None:
        raise ToolDefinitionError(
            f"the tool {tool.name!r} is to be isolated and does not come from a tool file",
            hint="put it into a file of the tools folder",
        )
    guarded = GuardedTool(
        name=tool.name,
        description=tool.description,
        args_schema=_schema(tool),
        response_format="content_and_artifact",
        return_direct=tool.return_direct,
        tags=tool.tags,
        metadata=tool.metadata,
        extras=tool.extras,
        inner=tool,
        policy=policy,
        file=file,
        assumed=assumed,
    )
    return recordable(guarded)


def observation(error: ToolError) -> str:
    """What a model is told of ``error``."""
    return f"Error: {error}" + (f" ({error.hint})" if error.hint else "")


def _texts_in(value: Any) -> Iterator[str]:
    """All text in ``value``, an argument as its schema made it, whatever its type."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case None | bool():
                pass
            case str(text):
                yield text
            case bytes() | bytearray() as data:
                yield data.decode(errors="replace")
            case Secret() | SecretStr() | SecretBytes() as secret:
                waiting.append(secret.get_secret_value())
            case dict(mapping):
                waiting += [*mapping.keys(), *mapping.values()]
            case list(items) | tuple(items) | set(items) | frozenset(items):
                waiting += items
            case BaseModel() as model:
                waiting += [*vars(model).values(), *(model.model_extra or {}).items()]
            case other if dataclasses.is_dataclass(other) and not isinstance(other, type):
                waiting += [getattr(other, one.name, None) for one in dataclasses.fields(other)]
            case other:  # an address, a path, a number
                yield str(other)


def _schema(tool: BaseTool) -> Any:
    if tool.args_schema is not None:
        return tool.args_schema
    if isinstance(tool, Tool):  # one text argument, whatever its function calls it
        return create_model(tool.name, tool_input=(str, ...))
    return tool.get_input_schema()


def _only_async(tool: BaseTool) -> bool:
    return isinstance(tool, StructuredTool | Tool) and tool.func is None


def _has_own_coroutine(tool: BaseTool) -> bool:
    if isinstance(tool, StructuredTool | Tool):
        return tool.coroutine is not None
    return type(tool)._arun is not BaseTool._arun


def _plumbing(method: Any, config: RunnableConfig, run_manager: Any) -> dict[str, Any]:
    """The arguments that LangChain's run() would have passed to ``method``."""
    parameters = inspect.signature(method).parameters
    found = {"config": config, "run_manager": run_manager}
    return {name: value for name, value in found.items() if name in parameters}


def _as_tool_error(name: str, error: BaseException) -> BaseException:
    """``error`` as the model shall read it; what is not the tool's failure stays as it is."""
    if isinstance(error, ToolError) or not _is_failure(error):
        return error
    said = _message(error)
    if isinstance(error, ToolException):
        return ToolError(said or f"{name} failed")
    hint = error.hint if isinstance(error, AgentLabError) else ""
    return ToolError(
        f"{name} failed with {type(error).__name__}: {said}",
        hint=hint or "change the arguments, or go on without it",
    )


def _message(error: BaseException) -> str:
    try:
        return shorten(str(error), _MAX_MESSAGE)
    except Exception:  # noqa: BLE001 - whatever a foreign __str__ does
        return "(its message cannot be read)"


def _is_failure(error: BaseException) -> bool:
    """Whether ``error`` is the tool's. Those of a replay and of the run itself are not."""
    if isinstance(error, SystemExit):
        return True
    if not isinstance(error, Exception) or isinstance(error, _OF_THE_RUN):
        return False
    graph = sys.modules.get("langgraph.errors")  # a tool that asks a person interrupts its graph
    return graph is None or not isinstance(error, graph.GraphBubbleUp)


def _wrong_arguments(tool: BaseTool, error: ValidationError) -> ToolError:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        said = f"{tool.name} needs the argument {name!r}"
    else:
        said = f"the argument {name!r} of {tool.name} is wrong: {first['msg'].lower()}"
    return ToolError(said, hint=_signature(tool))


def _signature(tool: BaseTool) -> str:
    named = (f"{name}: {schema.get('type', 'any')}" for name, schema in tool.args.items())
    return f"its arguments are {', '.join(named)}"
