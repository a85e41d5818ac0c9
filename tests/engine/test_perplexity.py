"""The engine computes what llama.cpp computes, with the RoPE base of the file."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentlab.engine import ContextOptions, LoadOptions, open_engine

pytestmark = pytest.mark.model

TEXT = """
The lighthouse at the end of the harbour wall had been built by three brothers who could not agree
about anything except the need for a light. The eldest wanted a tower of granite that would outlast
the town. The second wanted wood, because wood could be mended by anyone with a hammer. The youngest
wanted only a good lamp, and did not mind what it stood on. In the end they built a tower that was
granite to the height of a man, timber above that, and glass at the top, and the people who came to
see it said that it looked like an argument that somebody had won by leaving the room.

For forty years the lamp was lit every evening by a member of the family. They kept a book in which
they wrote the hour, the weather, and the name of every ship that passed within sight. On clear
nights the list was long. On foggy nights there was only the hour, and the word fog, and sometimes a
small drawing of a fish. When the last of the brothers died, the harbour board read the book from
beginning to end, hoping to learn how much oil the lamp had used, and found instead that the family
had recorded the birthday of every child in the town, together with a note of what the sea had been
doing at the time.

The board decided to replace the lamp with an electric one, which needed no family. It was brighter
than the old lamp and it never went out, and for some years nobody thought about it at all. Then one
winter the cable broke in a storm, and a fishing boat called the Patience came home in the dark with
seven people on board. The harbour master remembered that the old lamp was still in the cellar. He
carried it up the stairs, filled it with oil from his own kitchen, and lit it with a match. The boat
came in an hour later. In the morning he opened the book, which nobody had written in for a long
time, and under the last entry he put the hour, the weather, and the name of the ship.
"""


def perplexity(logprobs: Sequence[float]) -> float:
    return math.exp(-sum(logprobs) / len(logprobs))


@pytest.fixture(scope="module")
def ours(box: Path) -> float:
    engine = open_engine(box, LoadOptions(), ContextOptions(n_ctx=1024))
    tokens = engine.weights.tokenize(TEXT)
    assert len(tokens) > 300
    return perplexity(engine.score(tokens[:1], tokens[1:]).logprobs)


@pytest.fixture(scope="module")
def llama_cpp_says(box: Path) -> Callable[..., float]:
    def says(**options: Any) -> float:
        from llama_cpp import Llama

        llama = Llama(
            str(box),
            n_ctx=1024,
            n_batch=512,
            n_threads=1,
            n_threads_batch=1,
            logits_all=True,
            verbose=False,
            **options,
        )
        tokens = llama.tokenize(TEXT.encode(), add_bos=False)
        llama.eval(tokens)
        logits = np.array(llama.scores[: len(tokens) - 1], dtype=np.float64)
        llama.close()
        logits -= logits.max(axis=1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return perplexity(logits[np.arange(len(tokens) - 1), tokens[1:]].tolist())

    return says


def test_perplexity_is_llama_cpps(ours: float, llama_cpp_says: Callable[..., float]) -> None:
    assert ours == pytest.approx(llama_cpp_says(), rel=1e-3)


def test_another_rope_base_would_show(ours: float, llama_cpp_says: Callable[..., float]) -> None:
    assert llama_cpp_says(rope_freq_base=10_000) > 1.05 * ours
