"""Sampling parameters, and the llama.cpp sampler chain they make."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from agentlab.engine.library import llama

PENALTY_WINDOW = 64  # tokens that repeat_penalty looks back at, llama.cpp's default


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. Defaults are llama.cpp's.

    ``temperature`` 0 takes the likeliest token. ``top_k`` 0, ``top_p`` 1, ``min_p`` 0 and the
    penalties' neutral values (1, 0, 0) switch a filter off. ``seed`` must be given: whoever asks
    for a random one draws it first, so that it can be reported.
    """

    seed: int
    temperature: float = 0.8
    top_p: float = 0.95
    top_k: int = 40
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0

    @property
    def penalises(self) -> bool:
        """Whether earlier tokens make themselves less likely."""
        return bool(self.repeat_penalty != 1.0 or self.frequency_penalty or self.presence_penalty)

    @property
    def takes_likeliest(self) -> bool:
        """Whether the token with the highest logit is taken, of equals the first."""
        return self.temperature <= 0 and not self.penalises


class SamplerChain:
    """Samplers in llama.cpp's own order: penalties, top-k, top-p, min-p, temperature.

    Use as a context manager: it holds native memory.
    """

    def __init__(self, sampling: Sampling, n_vocab: int) -> None:
        self.pointer = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        for sampler in _samplers(sampling, n_vocab):
            llama.llama_sampler_chain_add(self.pointer, sampler)

    def __enter__(self) -> SamplerChain:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _tb: TracebackType | None,
    ) -> None:
        llama.llama_sampler_free(self.pointer)

    def accept(self, tokens: Sequence[int]) -> None:
        """Let the penalties know of ``tokens``, oldest first."""
        for token in tokens:
            llama.llama_sampler_accept(self.pointer, token)

    def sample(self, context: llama.llama_context_p, row: int = -1) -> int:
        """Choose from the logits of ``row`` (-1: of the last token), and accept the choice."""
        return int(llama.llama_sampler_sample(self.pointer, context, row))

    def choose(self, candidates: llama.llama_token_data_array) -> int:
        """Choose from ``candidates`` (which are reordered); nothing is accepted."""
        llama.llama_sampler_apply(self.pointer, ctypes.byref(candidates))
        return int(candidates.data[candidates.selected].id)


def _samplers(s: Sampling, n_vocab: int) -> list[llama.llama_sampler_p]:
    chain = []
    if s.penalises:
        penalties = (s.repeat_penalty, s.frequency_penalty, s.presence_penalty)
        chain.append(llama.llama_sampler_init_penalties(n_vocab, PENALTY_WINDOW, *penalties))
    if s.temperature <= 0:
        return [*chain, llama.llama_sampler_init_greedy()]
    if s.top_k > 0:
        chain.append(llama.llama_sampler_init_top_k(s.top_k))
    if s.top_p < 1:
        chain.append(llama.llama_sampler_init_top_p(s.top_p, 1))
    if s.min_p > 0:
        chain.append(llama.llama_sampler_init_min_p(s.min_p, 1))
    chain.append(llama.llama_sampler_init_temp(s.temperature))
    chain.append(llama.llama_sampler_init_dist(s.seed & 0xFFFFFFFF))
    return chain


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Natural log-probabilities of one row of logits, computed in 64 bits."""
    wide = logits.astype(np.float64)
    wide -= wide.max()
    wide -= np.log(np.exp(wide).sum())
    return wide.astype(np.float32)
