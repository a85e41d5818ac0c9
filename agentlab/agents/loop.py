"""The loop: LangChain's agent graph, with our steps and calls in place of its own.

Imported when an agent is made, as LangChain's agents take most of a second.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from langchain.agents import create_agent as create_graph
from langchain.agents.middleware import (
    AgentMiddleware,
    AgentState,
    ModelRequest,
    ModelResponse,
    ToolCallRequest,
)
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import BaseTool
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command

from agentlab.agents.calling import Caller
from agentlab.agents.stepping import RunContext, Stepper


class Loop(AgentMiddleware[AgentState[Any], RunContext]):
    """Puts a :class:`Stepper` and a :class:`Caller` into LangChain's loop."""

    def __init__(self, stepper: Stepper, caller: Caller) -> None:
        super().__init__()
        self.tools = []
        self._stepper = stepper
        self._caller = caller

    def wrap_model_call(
        self,
        request: ModelRequest[RunContext],
        handler: Callable[[ModelRequest[RunContext]], ModelResponse[Any]],
    ) -> AIMessage:
        """The next step. LangChain's handler is not used: it neither streams nor stops."""
        runtime = request.runtime
        return self._stepper.step(request.messages, runtime.context, runtime.stream_writer)

    async def awrap_model_call(
        self,
        request: ModelRequest[RunContext],
        handler: Callable[[ModelRequest[RunContext]], Awaitable[ModelResponse[Any]]],
    ) -> AIMessage:
        """:meth:`wrap_model_call`, asynchronously."""
        runtime = request.runtime
        return await self._stepper.astep(request.messages, runtime.context, runtime.stream_writer)

    def wrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]],
    ) -> ToolMessage | Command[Any]:
        """One call of a tool."""
        result: ToolMessage | Command[Any] = self._caller.call(request, handler)
        return result

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],
    ) -> ToolMessage | Command[Any]:
        """:meth:`wrap_tool_call`, asynchronously."""
        result: ToolMessage | Command[Any] = await self._caller.acall(request, handler)
        return result


def graph_of(
    model: BaseChatModel,
    tools: Sequence[BaseTool],
    stepper: Stepper,
    caller: Caller,
    checkpointer: Any,
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """LangChain's agent over ``model`` and ``tools``."""
    return create_graph(
        model,
        list(tools),
        middleware=[Loop(stepper, caller)],
        context_schema=RunContext,
        checkpointer=checkpointer,
        name="agent",
    )
