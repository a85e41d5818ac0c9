"""Asking a person before a tool does something that cannot be undone."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import BaseMessage, ToolCall
from langchain_core.tools import BaseTool

from agentlab.agents.views import is_untrusted
from agentlab.errors import ConfigError, ToolError
from agentlab.tools import UnstatedPolicy, is_assumed, policy_of
from agentlab.untrusted import sources_of

Verdict = bool | str | dict[str, Any]
Approve = Callable[[ToolCall], Verdict | Awaitable[Verdict]]
"""Given a call (``name``, ``args``, ``id``): True makes it, False refuses it, a text refuses it and
tells the model why, a mapping makes it with these arguments instead."""


def needs_approval(
    tool: BaseTool,
    approve: Approve | None,
    messages: Sequence[BaseMessage],
    tools: Mapping[str, BaseTool],
) -> bool:
    """Whether a person must be asked: the tool has side effects, and one can be asked.

    Where nobody can be asked, the tool runs as long as there is no text that others wrote in
    ``messages``. Of a tool whose policy nobody told, its own results do not count: an ordinary
    tool could be called once only.
    """
    if not policy_of(tool).side_effects:
        return False
    own = tool.name if is_assumed(tool) else None
    return approve is not None or bool(outside_sources(messages, tools, but=own))


def outside_sources(
    messages: Sequence[BaseMessage], tools: Mapping[str, BaseTool], *, but: str | None = None
) -> list[str]:
    """Where text that others wrote in ``messages`` is from, results of the tool ``but`` apart."""
    return [name for name in sources_of(messages) if name != but and is_untrusted(name, tools)]


def warn_of_refusals(tools: Sequence[BaseTool]) -> None:
    """Warn where tools without a policy will be refused, since nobody can be asked."""
    outside = {tool.name for tool in tools if policy_of(tool).untrusted}
    assumed = [tool.name for tool in tools if is_assumed(tool) and outside - {tool.name}]
    if assumed:
        warnings.warn(
            f"nobody can be asked, and nobody said that {', '.join(assumed)} had no side effects: "
            "after a result of another tool they are not run; give approve=…, or a policy: "
            "guard(tool, ToolPolicy())",
            UnstatedPolicy,
            stacklevel=3,
        )


def ask_person(approve: Approve | None, call: ToolCall, *, assumed: bool = False) -> ToolCall:
    """``call`` as it may be made; ``assumed`` where nobody told the policy of its tool.

    Raises:
        ToolError: it may not; the model is told.
        ConfigError: ``approve`` is asynchronous, and the run is not; or it returns something else.
    """
    if approve is None:
        raise _nobody(call, assumed)
    verdict = approve(_copy(call))
    if inspect.isawaitable(verdict):
        if inspect.iscoroutine(verdict):
            verdict.close()
        raise ConfigError(
            "approve is asynchronous and the run is not",
            hint="use ainvoke or astream, or give a plain function",
        )
    return _judged(call, verdict)


async def aask_person(
    approve: Approve | None, call: ToolCall, *, assumed: bool = False
) -> ToolCall:
    """:func:`ask_person`; ``approve`` may be asynchronous, and else runs in a thread."""
    if approve is None:
        raise _nobody(call, assumed)
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


def _nobody(call: ToolCall, assumed: bool) -> ToolError:
    if assumed:
        return ToolError(
            f"{call['name']} was not run: it has no policy, so it may have side effects; there is "
            "text from outside in this conversation, and nobody can be asked",
            hint="answer without it; whoever made the agent can give it approve=…, or the tool a "
            "policy: guard(tool, ToolPolicy())",
        )
    return ToolError(
        f"{call['name']} was not run: it may have side effects, there is text from outside in this "
        "conversation, and nobody can be asked",
        hint="answer without it",
    )
