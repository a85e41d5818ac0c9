"""Asking a person before a tool does something that cannot be undone."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from langchain_core.messages import BaseMessage, ToolCall, ToolMessage
from langchain_core.tools import BaseTool

from agentlab.agents.views import is_untrusted
from agentlab.errors import ConfigError, ToolError
from agentlab.tools import policy_of

Verdict = bool | str | dict[str, Any]
Approve = Callable[[ToolCall], Verdict | Awaitable[Verdict]]
"""Given a call (``name``, ``args``, ``id``): True makes it, False refuses it, a text refuses it and
tells the model why, a mapping makes it with these arguments instead."""


def needs_approval(tool: BaseTool, approve: Approve | None, tainted: bool) -> bool:
    """Whether a person must be asked: the tool has side effects, and one can be asked.

    Where nobody can be asked, the tool runs as long as the context is not ``tainted`` by text that
    others wrote.
    """
    return policy_of(tool).side_effects and (approve is not None or tainted)


def is_tainted(messages: Sequence[BaseMessage], tools: dict[str, BaseTool]) -> bool:
    """Whether ``messages`` hold a result with text that others wrote."""
    return any(isinstance(m, ToolMessage) and is_untrusted(m.name or "", tools) for m in messages)


def ask_person(approve: Approve | None, call: ToolCall) -> ToolCall:
    """``call`` as it may be made.

    Raises:
        ToolError: it may not; the model is told.
        ConfigError: ``approve`` is asynchronous, and the run is not; or it returns something else.
    """
    if approve is None:
        raise _nobody(call)
    verdict = approve(_copy(call))
    if inspect.isawaitable(verdict):
        if inspect.iscoroutine(verdict):
            verdict.close()
        raise ConfigError(
            "approve is asynchronous and the run is not",
            hint="use ainvoke or astream, or give a plain function",
        )
    return _judged(call, verdict)


async def aask_person(approve: Approve | None, call: ToolCall) -> ToolCall:
    """:func:`ask_person`; ``approve`` may be asynchronous, and else runs in a thread."""
    if approve is None:
        raise _nobody(call)
    if inspect.iscoroutinefunction(approve):
        verdict = await approve(_copy(call))
    else:
        import asyncio

        verdict = await asyncio.to_thread(approve, _copy(call))
        if inspect.isawaitable(verdict):
            verdict = await verdict
    return _judged(call, cast(Verdict, verdict))


def _copy(call: ToolCall) -> ToolCall:
    import copy

    return copy.deepcopy(call)


def _judged(call: ToolCall, verdict: Verdict) -> ToolCall:
    match verdict:
        case True:
            return call
        case False:
            raise ToolError(f"the user does not allow this call of {call['name']}")
        case str():
            raise ToolError(f"the user does not allow this call of {call['name']}: {verdict}")
        case dict():
            return {**call, "args": verdict}
    raise ConfigError(
        f"approve returned {verdict!r:.80}",
        hint="True or False, a text that says why not, or a dict with other arguments",
    )


def _nobody(call: ToolCall) -> ToolError:
    return ToolError(
        f"{call['name']} was not run: it may have side effects, there is text from outside in this "
        "conversation, and nobody can be asked",
        hint="answer without it",
    )
