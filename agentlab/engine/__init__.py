"""The local engine: the only part that imports llama-cpp-python.

weights.py      one loaded copy of a file a process: vocabulary, metadata
context.py      the evaluated tokens of one context: exact prefix reuse, prefill in fixed pieces
sampling.py     parameters -> llama.cpp sampler chain
constraint.py   JSON schema, regex, choices or GBNF -> which token may come next
text.py         token pieces -> text, stop strings
decoding.py     one request -> pieces, until it ends
engine.py       the engine thread that owns a context and serves requests in turn
"""

from agentlab.engine.constraint import Constraint, compile_grammar, compile_schema
from agentlab.engine.decoding import Piece, Request, Timings
from agentlab.engine.engine import Engine, open_engine
from agentlab.engine.library import accelerator, build
from agentlab.engine.sampling import Sampling
from agentlab.engine.weights import LoadOptions

__all__ = [
    "Constraint",
    "Engine",
    "LoadOptions",
    "Piece",
    "Request",
    "Sampling",
    "Timings",
    "accelerator",
    "build",
    "compile_grammar",
    "compile_schema",
    "open_engine",
]
