"""Putting an agent together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableBinding
from langchain_core.tools import BaseTool
from langchain_core.tools import tool as as_tool

from agentlab.agents.agent import Agent
from agentlab.agents.approval import Approve, warn_of_refusals
from agentlab.agents.asking import Strategy
from agentlab.agents.calling import Caller
from agentlab.agents.limits import Limits
from agentlab.agents.native import NativeSteps
from agentlab.agents.stepping import Stepper
from agentlab.agents.text import TextSteps
from agentlab.boundary import recordable
from agentlab.errors import ConfigError
from agentlab.memory import Memory, parse_memory
from agentlab.prompts import Prompt, load_prompt
from agentlab.prompts.settings import configured
from agentlab.tools import guard, load_tools, policy_of
from agentlab.untrusted import NOTICE

TEXT_PROMPT = "agent/react"
NATIVE_PROMPT = "agent/tools"
SUMMARY_PROMPT = "agent/summary"
TOOL_VARIABLES = frozenset({"tools", "tool_names", "scratchpad"})  # of prompts for steps in text


def create_agent(
    model: BaseChatModel | Runnable[Any, Any] | str,
    tools: Sequence[BaseTool | Callable[..., Any] | str],
    *,
    prompt: str | Prompt | None = None,
    memory: Memory | str | None = None,
    max_steps: int = 8,
    limits: Limits | None = None,
    approve: Approve | None = None,
    checkpointer: Any = None,
) -> Agent:
    """An agent over ``model`` that may use ``tools``.

    A model with native tool calls uses them; any other writes its steps as text (ReAct), and a
    local model decodes them under a grammar made of the tools, so that a step is never malformed.
    With ``prompt="agent/tools"`` a local model makes its calls as its chat template has them.

    Args:
        model: a chat model, also with parameters bound to it, or its spec.
        tools: tools, functions (with docstring and types), or names of tools.
        prompt: ``agent/tools`` for native calls of hosted models, else ``agent/react`` for text, if
            None. With a prompt that describes the tools itself, as ``agent/react`` does, steps are
            text; with another one calls are native, where the model has such.
        memory: chooses what the model is shown of the history; one, or a text as ``"window:4"``.
        max_steps: how often the model may ask for tools; then it has to answer.
        limits: of calls, tokens and seconds; :class:`Limits` has the defaults.
        approve: is asked before a tool with side effects runs. Without it such a tool runs unless
            text from outside is in the context. See :data:`~agentlab.agents.approval.Approve`.
        checkpointer: LangGraph's, for runs that outlive the process; see :meth:`Agent.resume`.

    Raises:
        ConfigError: a name is unknown, two tools share one, or a limit is wrong.
    """
    if isinstance(max_steps, bool) or not isinstance(max_steps, int) or max_steps < 0:
        raise ConfigError(f"max_steps must be a whole number from 0, not {max_steps!r}")
    _check(prompt, memory, limits, approve, checkpointer)
    bare, bound = _unbound(model)
    native = has_native_tools(bare)
    # Small models do better with steps in text (bench/AGENTS.md).
    usual = NATIVE_PROMPT if prefers_native_calls(bare) else TEXT_PROMPT
    loaded = load_prompt(prompt or usual)
    required = {name for name, variable in loaded.variables.items() if variable.required}
    native = native and not required & TOOL_VARIABLES
    if others := required - {"input"} - (frozenset() if native else TOOL_VARIABLES):
        raise ConfigError(
            f"the prompt {loaded.name!r} is not an agent's: it needs {', '.join(sorted(others))}",
            hint=f"one like {NATIVE_PROMPT!r} or {TEXT_PROMPT!r}",
        )
    if isinstance(memory, str):
        memory = parse_memory(memory, bare)
    guarded = _guarded(tools)
    if approve is None:
        warn_of_refusals(guarded)
    by_name = {tool.name: tool for tool in guarded}
    notice = NOTICE if any(policy_of(tool).untrusted for tool in guarded) else ""
    asked = configured(bare.bind(**bound) if bound else bare, loaded.config)
    strategy: Strategy
    if native:
        inner, settings = _unbound(asked)
        strategy = NativeSteps(inner, loaded, guarded, bound=settings, notice=notice)
    else:
        strategy = TextSteps(
            asked, loaded, guarded, constrained=_takes_grammars(bare), notice=notice
        )
    summary = load_prompt(SUMMARY_PROMPT)
    limits = limits or Limits()
    stepper = Stepper(
        strategy,
        by_name,
        limits,
        max_steps,
        configured(bare.bind(**bound) if bound else bare, summary.config),
        summary,
    )
    caller = Caller(by_name, limits, approve)

    from agentlab.agents.loop import graph_of

    graph = graph_of(bare, guarded, stepper, caller, checkpointer)
    return Agent(graph, bare, guarded, memory, checkpointer)


def _check(prompt: Any, memory: Any, limits: Any, approve: Any, checkpointer: Any) -> None:
    def refuse(name: str, value: Any, wanted: str, hint: str) -> None:
        raise ConfigError(f"{name} must be {wanted}, not {value!r:.80}", hint=hint)

    if not isinstance(prompt, str | Prompt | None):
        refuse("prompt", prompt, "a name or a Prompt", f"for example {TEXT_PROMPT!r}")
    if not isinstance(memory, Memory | str | None):
        refuse("memory", memory, "a Memory or a text", 'for example "window:4"')
    if not isinstance(limits, Limits | None):
        refuse("limits", limits, "Limits", "for example Limits(tool_calls=5, seconds=60)")
    if approve is not None and not callable(approve):
        hint = "approve=lambda call: True runs everything; without it nobody is asked"
        refuse("approve", approve, "a function that is given the call", hint)
    if checkpointer is not None:
        from langgraph.checkpoint.base import BaseCheckpointSaver

        if not isinstance(checkpointer, BaseCheckpointSaver):
            hint = "for example langgraph.checkpoint.memory.InMemorySaver()"
            refuse("checkpointer", checkpointer, "a checkpointer of LangGraph's", hint)


def has_native_tools(model: BaseChatModel) -> bool:
    """Whether tools can be bound to ``model``."""
    return type(model).bind_tools is not BaseChatModel.bind_tools


def prefers_native_calls(model: BaseChatModel) -> bool:
    """Whether an agent on ``model`` makes native calls, unless its prompt wants something else."""
    return has_native_tools(model) and not _takes_grammars(model)


def _takes_grammars(model: BaseChatModel) -> bool:
    return model._llm_type == "gguf"


def _unbound(model: Any) -> tuple[BaseChatModel, dict[str, Any]]:
    """The chat model, and the parameters bound to it."""
    if isinstance(model, str):
        from agentlab.models import load_model

        return load_model(model), {}
    bound: dict[str, Any] = {}
    while isinstance(model, RunnableBinding):
        bound = {**model.kwargs, **bound}
        model = model.bound
    if not isinstance(model, BaseChatModel):
        raise ConfigError(
            f"an agent needs a chat model, not {type(model).__name__}",
            hint='for example load_model("smollm2"); its prompt goes to create_agent(…, prompt=…)',
        )
    return recordable(model), bound


def _guarded(tools: Sequence[BaseTool | Callable[..., Any] | str]) -> list[BaseTool]:
    if isinstance(tools, str | BaseTool) or not isinstance(tools, Sequence):
        raise ConfigError(
            f"tools must be a list, not {type(tools).__name__}",
            hint='for example load_tools("search", "calculator")',
        )
    return [guard(tool) for tool in load_tools(*(_tool(tool) for tool in tools))]


def _tool(tool: Any) -> Any:
    if isinstance(tool, str | BaseTool):
        return tool
    if not callable(tool):
        raise ConfigError(
            f"{tool!r:.80} is no tool",
            hint="a tool is a name, a function, or a LangChain tool",
        )
    try:
        return as_tool(tool)
    except (ValueError, TypeError) as error:
        name = getattr(tool, "__name__", type(tool).__name__)
        raise ConfigError(
            f"the function {name} cannot be a tool: {error}",
            hint="a tool has a docstring, and a type for every argument",
        ) from error
