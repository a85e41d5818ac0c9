"""Chains: named steps over prompts and models, in order or side by side.

in_order.py     sequential: each step sees all earlier ones
side_by_side.py parallel: each step sees the input
chain.py        what both have in common: a LangChain Runnable with named steps
inputs.py       the input, checked before any model is called
steps.py        what may be a step, what it needs, what its output counts as
stepping.py     one step, streamed
watching.py     what happens, as events; usage.py counts tokens
library.py      the chains that ship
loading.py      a chain by name, or from the user's own module
"""

from agentlab.chains.chain import Chain
from agentlab.chains.in_order import Sequential, sequential
from agentlab.chains.loading import list_chains, load_chain
from agentlab.chains.side_by_side import Parallel, parallel
from agentlab.chains.watch import aevents_of, events_of

__all__ = [
    "Chain",
    "Parallel",
    "Sequential",
    "aevents_of",
    "events_of",
    "list_chains",
    "load_chain",
    "parallel",
    "sequential",
]
