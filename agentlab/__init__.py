"""AgentLab: chains, agents and retrieval over language models, each run watched and replayable.

The names here are imported when they are first used, so ``import agentlab`` costs little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentlab import errors as errors
    from agentlab import events as events
    from agentlab.boundary import handling as handling
    from agentlab.boundary import recordable as recordable
    from agentlab.cancellation import Cancellation as Cancellation
    from agentlab.cancellation import cancellable as cancellable
    from agentlab.chains import Chain as Chain
    from agentlab.chains import list_chains as list_chains
    from agentlab.chains import load_chain as load_chain
    from agentlab.chains import parallel as parallel
    from agentlab.chains import sequential as sequential

__version__ = "0.1.0"

# Where each public name comes from; a module of the package stands for itself.
_HOMES = {
    "Cancellation": "agentlab.cancellation",
    "Chain": "agentlab.chains",
    "cancellable": "agentlab.cancellation",
    "errors": "agentlab.errors",
    "events": "agentlab.events",
    "handling": "agentlab.boundary",
    "list_chains": "agentlab.chains",
    "load_chain": "agentlab.chains",
    "parallel": "agentlab.chains",
    "recordable": "agentlab.boundary",
    "sequential": "agentlab.chains",
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
