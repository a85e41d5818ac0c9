"""The local engine: the only part that imports llama-cpp-python.

library.py      llama.cpp's shared library, its log and what it was built for
weights.py      one loaded copy of a file a process: vocabulary, metadata
loading.py      a load that Ctrl-C stops
options.py      the shape of a context
context.py      the evaluated tokens of one context: exact prefix reuse, prompts in fixed pieces
kept.py         prompts read earlier, set aside in host memory
saving.py       one of them in a file
threads.py      how many threads pay just now
sampling.py     parameters -> llama.cpp sampler chain
constraint.py   JSON schema, regex, choices, Lark or GBNF -> which token may come next
text.py         token pieces -> text, stop strings
embedding.py    texts -> vectors or scores, one at a time
decoding.py     one request -> pieces, until it ends
turns.py        whose turn it is
slots.py        sequences that share one KV cache
batching.py     requests decoded together, where that is asked for
widths.py       how many of them in a step
engine.py       the thread that owns a context and serves requests
"""

from agentlab.engine.constraint import (
    Constraint,
    compile_choices,
    compile_grammar,
    compile_lark,
    compile_regex,
    compile_schema,
)
from agentlab.engine.decoding import Piece, Request, Timings, TokenLogprob
from agentlab.engine.engine import Engine, Score, find_engine, open_engine
from agentlab.engine.kept import KEPT_BYTES, KeptTotals
from agentlab.engine.library import accelerator, build
from agentlab.engine.options import KV_BYTES, KV_TYPES, N_BATCH, ContextOptions
from agentlab.engine.sampling import Sampling
from agentlab.engine.slots import SlotTotals
from agentlab.engine.weights import LoadOptions, Weights

__all__ = [
    "KEPT_BYTES",
    "KV_BYTES",
    "KV_TYPES",
    "N_BATCH",
    "Constraint",
    "ContextOptions",
    "Engine",
    "KeptTotals",
    "LoadOptions",
    "Piece",
    "Request",
    "Sampling",
    "Score",
    "SlotTotals",
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
