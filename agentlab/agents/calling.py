"""One tool call of a run: checked, approved, made once, within the time that is left."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.messages import ToolCall as Call

from agentlab.agents.approval import (
    Approve,
    aask_person,
    ask_person,
    needs_approval,
    outside_sources,
)
from agentlab.agents.limits import (
    SAME_CALL,
    Limits,
    OutOfTime,
    calls_before,
    split,
    times_made,
    until,
)
from agentlab.agents.stepping import RunContext
from agentlab.errors import ToolError
from agentlab.events import ToolCall, ToolResult
from agentlab.recording.ordering import in_lane
from agentlab.tools import is_assumed, observation, policy_of
from agentlab.untrusted import OF_NO_TOOL, among


class Caller:
    """Makes the calls that a model asks for; a call that is not made has a result that says why."""

    def __init__(self, tools: dict[str, Any], limits: Limits, approve: Approve | None) -> None:
        self._tools = tools
        self._limits = limits
        self._approve = approve

    def call(self, request: Any, handler: Any) -> Any:
        """Make the call of ``request`` (LangChain's) by ``handler``."""
        call: Call = request.tool_call
        run: RunContext = request.runtime.context
        show = request.runtime.stream_writer
        messages = request.state["messages"]
        begun, known = run.journal.find(call) if run.journal and run.resumed else (False, None)
        if known is not None:
            return self._told(call, known, show)
        try:
            self._check(call, messages)
            approved = call
            if self._must_ask(call, messages, begun):
                with self._pause(run):
                    approved = ask_person(
                        self._approve, call, assumed=is_assumed(self._tools[call["name"]])
                    )
            left = self._left(call, run)
        except ToolError as error:
            return self._told(call, _refusal(call, error, OF_NO_TOOL), show)
        show(ToolCall(call["id"] or "", call["name"], approved["args"]))
        if run.journal:
            run.journal.begin(call)
        try:
            with until(left), _lane_of(call, messages, run), self._among(call, messages):
                result = handler(request.override(tool_call=approved))
        except OutOfTime:
            result = _refusal(call, _late(call))
        result = _with_change(result, call, approved)
        if run.journal and isinstance(result, ToolMessage):
            run.journal.end(call, result)
        return self._finished(call, result, show)

    async def acall(self, request: Any, handler: Any) -> Any:
        """:meth:`call`, asynchronously."""
        call: Call = request.tool_call
        run: RunContext = request.runtime.context
        show = request.runtime.stream_writer
        messages = request.state["messages"]
        begun, known = False, None
        if run.journal and run.resumed:
            begun, known = await run.journal.afind(call)
        if known is not None:
            return self._told(call, known, show)
        try:
            self._check(call, messages)
            approved = call
            if self._must_ask(call, messages, begun):
                with self._pause(run):
                    approved = await aask_person(
                        self._approve, call, assumed=is_assumed(self._tools[call["name"]])
                    )
            left = self._left(call, run)
        except ToolError as error:
            return self._told(call, _refusal(call, error, OF_NO_TOOL), show)
        show(ToolCall(call["id"] or "", call["name"], approved["args"]))
        if run.journal:
            await run.journal.abegin(call)
        try:
            with until(left), _lane_of(call, messages, run), self._among(call, messages):
                result = await handler(request.override(tool_call=approved))
        except OutOfTime:
            result = _refusal(call, _late(call))
        result = _with_change(result, call, approved)
        if run.journal and isinstance(result, ToolMessage):
            await run.journal.aend(call, result)
        return self._finished(call, result, show)

    def _check(self, call: Call, messages: Sequence[BaseMessage]) -> None:
        """Refuse a call of an unknown tool, beyond the limit, or made too often."""
        if call["name"] not in self._tools:
            raise _unknown(call["name"], self._tools)
        before = calls_before(split(messages)[1], call["id"])
        if len(before) >= self._limits.tool_calls:
            raise ToolError(
                f"{call['name']} was not run: {self._limits.tool_calls} calls of tools were made, "
                "and no more may be"
            )
        if times_made(call, before) >= SAME_CALL - 1:
            raise ToolError(
                f"{call['name']} was not run: this call was made {SAME_CALL - 1} times before",
                hint="use its result",
            )

    def _must_ask(self, call: Call, messages: Sequence[BaseMessage], begun: bool) -> bool:
        tool = self._tools[call["name"]]
        if begun and policy_of(tool).side_effects:
            if self._approve is None:
                raise ToolError(
                    f"{call['name']} was interrupted by the end of the process, and nobody knows "
                    "whether it took effect",
                    hint="it was not run again; say so in the answer",
                )
            return True
        return needs_approval(tool, self._approve, messages, self._tools)

    def _pause(self, run: RunContext) -> AbstractContextManager[None]:
        return run.pauses.pause() if self._approve is not None else nullcontext()

    def _among(self, call: Call, messages: Sequence[BaseMessage]) -> AbstractContextManager[None]:
        """An agent behind the tool is to know what others wrote in this run, as this one does."""
        own = call["name"] if is_assumed(self._tools[call["name"]]) else None
        return among(outside_sources(messages, self._tools, but=own))

    def _left(self, call: Call, run: RunContext) -> float | None:
        """The seconds that ``call`` may take, None for no limit."""
        if self._limits.seconds is None:
            return None
        left = self._limits.seconds - run.seconds
        if left <= 0:
            raise _late(call)
        return left

    def _told(self, call: Call, result: ToolMessage, show: Any) -> ToolMessage:
        show(ToolCall(call["id"] or "", call["name"], call["args"]))
        return self._finished(call, result, show)  # type: ignore[no-any-return]

    def _finished(self, call: Call, result: Any, show: Any) -> Any:
        if isinstance(result, ToolMessage):
            failed = result.status == "error"
            show(ToolResult(call["id"] or "", call["name"], str(result.text), failed))
        return result


def _lane_of(call: Call, messages: Sequence[BaseMessage], run: RunContext) -> Any:
    """Where ``call`` counts as made: several of one step run side by side, one alone does not."""
    step = next((m for m in reversed(messages) if isinstance(m, AIMessage)), None)
    alone = step is not None and len(step.tool_calls) == 1
    return in_lane(run.lane if alone else None)


def _with_change(result: Any, call: Call, approved: Call) -> Any:
    if approved["args"] == call["args"] or not isinstance(result, ToolMessage):
        return result
    given = json.dumps(approved["args"], ensure_ascii=False, default=str)
    return result.model_copy(
        update={"content": f"(The user changed the arguments to {given}.)\n{result.text}"}
    )


def _refusal(call: Call, error: ToolError, marks: Mapping[str, Any] | None = None) -> ToolMessage:
    return ToolMessage(
        observation(error),
        name=call["name"],
        tool_call_id=call["id"],
        status="error",
        response_metadata=dict(marks or {}),
    )


def _late(call: Call) -> ToolError:
    return ToolError(f"{call['name']} was stopped: the time for this task is over")


def _unknown(name: str, tools: Mapping[str, Any]) -> ToolError:
    near = difflib.get_close_matches(name, tools, n=1)
    known = ", ".join(tools) or "none"
    return ToolError(
        f"there is no tool {name!r:.80}",
        hint=f"did you mean {near[0]}?" if near else f"the tools are {known}",
    )
