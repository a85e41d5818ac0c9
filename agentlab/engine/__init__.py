"""The local engine: the only part that imports llama-cpp-python.

library.py      llama.cpp's shared library, its log and what it was built for
weights.py      one loaded copy of a file a process: vocabulary, metadata
loading.py      a load that Ctrl-C stops
context.py      the evaluated tokens of one context: exact prefix reuse, prompts in fixed pieces
threads.py      how many threads pay just now
sampling.py     parameters -> llama.cpp sampler chain
constraint.py   JSON schema, regex, choices, Lark or GBNF -> which token may come next
text.py         token pieces -> text, stop strings
embedding.py    texts -> vectors or scores, one at a time
decoding.py     one request -> pieces, until it ends
engine.py       the thread that owns a context and serves requests in turn
"""

from agentlab.engine.constraint import (
    Constraint,
    compile_choices,
    compile_grammar,
    compile_lark,
    compile_regex,
    compile_schema,
)
from agentlab.engine.context import N_BATCH, ContextOptions
from agentlab.engine.decoding import Piece, Request, Timings, TokenLogprob
from agentlab.engine.engine import Engine, Score, find_engine, open_engine
from agentlab.engine.library import accelerator, build
from agentlab.engine.sampling import Sampling
from agentlab.engine.weights import LoadOptions, Weights

__all__ = [
    "N_BATCH",
    "Constraint",
    "ContextOptions",
    "Engine",
    "LoadOptions",
    "Piece",
    "Request",
    "Sampling",
    "Score",
    "Timings",
    "TokenLogprob",
    "Weights",
    "accelerator",
    "build",
    "compile_choices",
    "compile_grammar",
    "compile_lark",
    "compile_regex",
    "compile_schema",
    "find_engine",
    "open_engine",
]
