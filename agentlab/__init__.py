"""AgentLab: chains, agents and retrieval over language models, each run watched and replayable.

The names here are imported when they are first used, so ``import agentlab`` costs little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentlab import errors as errors
    from agentlab import events as events
    from agentlab.agents import Agent as Agent
    from agentlab.agents import Limits as Limits
    from agentlab.agents import create_agent as create_agent
    from agentlab.boundary import handling as handling
    from agentlab.boundary import recordable as recordable
    from agentlab.cancellation import Cancellation as Cancellation
    from agentlab.cancellation import cancellable as cancellable
    from agentlab.chains import Chain as Chain
    from agentlab.chains import list_chains as list_chains
    from agentlab.chains import load_chain as load_chain
    from agentlab.chains import parallel as parallel
    from agentlab.chains import sequential as sequential
    from agentlab.memory import BufferMemory as BufferMemory
    from agentlab.memory import Memory as Memory
    from agentlab.memory import SummaryBufferMemory as SummaryBufferMemory
    from agentlab.memory import SummaryMemory as SummaryMemory
    from agentlab.memory import TokenMemory as TokenMemory
    from agentlab.memory import WindowMemory as WindowMemory
    from agentlab.memory import parse_memory as parse_memory
    from agentlab.models import load_model as load_model
    from agentlab.models.embeddings import load_embeddings as load_embeddings
    from agentlab.models.reranker import load_reranker as load_reranker
    from agentlab.prompts import list_prompts as list_prompts
    from agentlab.prompts import load_prompt as load_prompt
    from agentlab.rag.techniques import Route as Route
    from agentlab.rag.techniques import multi_hop as multi_hop
    from agentlab.rag.techniques import multi_query as multi_query
    from agentlab.rag.techniques import rewrite as rewrite
    from agentlab.rag.techniques import route as route
    from agentlab.reasoning import chain_of_thought as chain_of_thought
    from agentlab.reasoning import few_shot as few_shot
    from agentlab.reasoning import fill_in as fill_in
    from agentlab.reasoning import self_consistency as self_consistency
    from agentlab.reasoning import tree_of_thought as tree_of_thought
    from agentlab.reasoning import validated as validated
    from agentlab.session import Session as Session
    from agentlab.tools import ToolPolicy as ToolPolicy
    from agentlab.tools import list_tools as list_tools
    from agentlab.tools import load_tools as load_tools


__version__ = "0.1.0"

# Where each public name comes from; a module of the package stands for itself.
_HOMES = {
    "Agent": "agentlab.agents",
    "BufferMemory": "agentlab.memory",
    "Cancellation": "agentlab.cancellation",
    "Chain": "agentlab.chains",
    "Limits": "agentlab.agents",
    "Memory": "agentlab.memory",
    "Route": "agentlab.rag.techniques",
    "Session": "agentlab.session",
    "SummaryBufferMemory": "agentlab.memory",
    "SummaryMemory": "agentlab.memory",
    "TokenMemory": "agentlab.memory",
    "ToolPolicy": "agentlab.tools",
    "WindowMemory": "agentlab.memory",
    "cancellable": "agentlab.cancellation",
    "chain_of_thought": "agentlab.reasoning",
    "create_agent": "agentlab.agents",
    "errors": "agentlab.errors",
    "events": "agentlab.events",
    "few_shot": "agentlab.reasoning",
    "fill_in": "agentlab.reasoning",
    "handling": "agentlab.boundary",
    "list_chains": "agentlab.chains",
    "list_prompts": "agentlab.prompts",
    "list_tools": "agentlab.tools",
    "load_chain": "agentlab.chains",
    "load_embeddings": "agentlab.models.embeddings",
    "load_model": "agentlab.models",
    "load_prompt": "agentlab.prompts",
    "load_reranker": "agentlab.models.reranker",
    "load_tools": "agentlab.tools",
    "multi_hop": "agentlab.rag.techniques",
    "multi_query": "agentlab.rag.techniques",
    "parallel": "agentlab.chains",
    "parse_memory": "agentlab.memory",
    "recordable": "agentlab.boundary",
    "rewrite": "agentlab.rag.techniques",
    "route": "agentlab.rag.techniques",
    "self_consistency": "agentlab.reasoning",
    "sequential": "agentlab.chains",
    "tree_of_thought": "agentlab.reasoning",
    "validated": "agentlab.reasoning",
}

__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = import_module(home)
    value = module if home == f"{__name__}.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
