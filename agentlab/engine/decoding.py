"""One request decoded: from the tokens of a prompt to pieces of text."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agentlab.engine.constraint import Constraint, Matcher, candidates_of
from agentlab.engine.library import accelerator, llama
from agentlab.engine.sampling import PENALTY_WINDOW, SamplerChain, Sampling, log_softmax
from agentlab.engine.text import TextStream
from agentlab.engine.weights import Weights
from agentlab.errors import GrammarError

JUMP = 12  # tokens that a CPU evaluates faster at once than one by one
JUMP_ACCELERATED = 2


@dataclass(frozen=True, slots=True)
class Request:
    """What to decode.

    ``max_tokens`` None goes on to the end of the context. ``top_logprobs`` None reports no
    log-probabilities, 0 those of the chosen tokens, n also the n likeliest at each place.
    """

    tokens: tuple[int, ...]
    sampling: Sampling
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    constraint: Constraint | None = None
    top_logprobs: int | None = None


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token's natural log-probability before any sampling filter, and its likeliest rivals."""

    text: str
    data: bytes
    logprob: float
    top: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class Timings:
    """Counts of tokens and wall-clock seconds of one request."""

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    prompt_seconds: float
    completion_seconds: float


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that may be shown at once. The last piece says why the answer ended.

    ``finish`` is "stop" (the model's own end, a stop string, or a grammar with nothing left to
    say) or "length" (max_tokens, or the context is full).
    """

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()
    finish: str | None = None
    timings: Timings | None = None


class Evaluated(Protocol):
    """A sequence of tokens that a model has read, and what comes next by it."""

    weights: Weights
    pointer: llama.llama_context_p
    n_ctx: int
    n_batch: int

    @property
    def row(self) -> int:
        """Where llama.cpp has the logits after the last token."""

    @property
    def last_logits(self) -> NDArray[np.float32]:
        """The logits after the last token, shape (n_vocab,): a view that the next call changes."""

    @property
    def logits_are_native(self) -> bool:
        """Whether llama.cpp holds them too, in ``row``."""

    def read(self, tokens: Sequence[int]) -> Generator[None, None, int]:
        """Make ``tokens`` the sequence; returns how many of them did not have to be evaluated."""

    def append(self, tokens: Sequence[int]) -> Generator[None, None, None]:
        """Evaluate more tokens, at most ``n_batch``: llama.cpp ends the process on more."""


def decode(context: Evaluated, request: Request) -> Iterator[Piece | None]:
    """Read the prompt, then yield pieces until the answer ends.

    None, and any piece, is where the context may be suspended; the next step begins with an
    evaluation.

    Raises:
        ContextOverflow: the prompt does not fit.
        GrammarError: the constraint cannot be followed.
        TurnCancelled: the context was aborted.
    """
    weights = context.weights
    matcher = request.constraint.matcher(weights) if request.constraint else None
    began = time.perf_counter()
    cached = yield from context.read(request.tokens)
    read = time.perf_counter()
    text = TextStream(request.stop)
    limit = context.n_ctx - len(request.tokens)
    if request.max_tokens is not None:
        limit = min(limit, request.max_tokens)
    jumps = request.top_logprobs is None and not request.sampling.penalises
    least = JUMP_ACCELERATED if accelerator() else JUMP
    written = 0
    finish: str | None = None if limit > 0 else "length"
    with SamplerChain(request.sampling, weights.n_vocab) as chain:
        if request.sampling.penalises:
            chain.accept(request.tokens[-PENALTY_WINDOW:])
        while finish is None:
            token = _choose(context, chain, matcher, request.sampling)
            if weights.ends_generation(token):
                finish = "stop"
                break
            tokens = [token]
            if matcher is not None and jumps:
                tokens += _forced(matcher, min(limit - written, context.n_batch) - 1, least)
            logprobs = _logprobs(context, token, request.top_logprobs)
            shown = ""
            for each in tokens:
                written += 1
                shown += text.feed(weights.piece(each))
                if text.stopped:
                    break
            if text.stopped or (matcher is not None and matcher.finished):
                finish = "stop"
            elif written >= limit:
                finish = "length"
            if shown or logprobs:
                yield Piece(shown, logprobs)
            if finish is None:
                yield from context.append(tokens)
    done = time.perf_counter()
    timings = Timings(len(request.tokens), cached, written, read - began, done - read)
    yield Piece(text.finish(), finish=finish, timings=timings)


def _choose(
    context: Evaluated, chain: SamplerChain, matcher: Matcher | None, sampling: Sampling
) -> int:
    """The next token: drawn from all, and drawn again from those allowed where it is not allowed.

    Of a token t with probability p(t) among all, and Z the probability of all that are allowed,
    that makes p(t) + (1 - Z) p(t) / Z = p(t) / Z, as if the others had been left out at first. (A
    filter such as top_k is applied in each draw.)
    """
    if sampling.takes_likeliest:
        token = int(context.last_logits.argmax())  # a tenth of the time of llama.cpp's chain
        if matcher is None:
            return token
    elif context.logits_are_native and (matcher is None or not sampling.penalises):
        # This accepts it too, which only penalties remember.
        token = chain.sample(context.pointer, context.row)
        if matcher is None:
            return token
    else:
        token = _drawn(chain, context.last_logits)
    if matcher is not None:
        if not matcher.allows(token):
            token = _drawn(chain, context.last_logits, _allowed(matcher))
        matcher.accept(token)
    chain.accept([token])
    return token


def _forced(matcher: Matcher, room: int, least: int) -> list[int]:
    """The tokens that alone may come next, taken, where they are at least ``least``."""
    tokens = list(matcher.forced())[:room]
    if len(tokens) < least:
        return []
    for token in tokens:
        matcher.accept(token)
    return tokens


def _drawn(
    chain: SamplerChain, logits: NDArray[np.float32], among: NDArray[np.int32] | None = None
) -> int:
    """A token, of all or ``among`` some; nothing is accepted."""
    tokens = np.arange(len(logits), dtype=np.int32) if among is None else among
    _memory, candidates = candidates_of(tokens, logits if among is None else logits[among])
    return chain.choose(candidates)


def _allowed(matcher: Matcher) -> NDArray[np.int32]:
    allowed = matcher.allowed()
    if not len(allowed):  # llama.cpp would end the process
        raise GrammarError(
            "the grammar came to a place where no token of the model fits",
            hint="look for a rule that can never be met",
        )
    return allowed


def _logprobs(context: Evaluated, token: int, top: int | None) -> tuple[TokenLogprob, ...]:
    if top is None:
        return ()
    values = log_softmax(context.last_logits)
    weights = context.weights

    def of(token: int, rivals: tuple[TokenLogprob, ...] = ()) -> TokenLogprob:
        data = weights.piece(token) or weights.text_of(token).encode()
        return TokenLogprob(data.decode("utf-8", "replace"), data, float(values[token]), rivals)

    best: list[int] = []
    if top:
        logits = context.last_logits
        top = min(top, len(logits) - 1)
        best = np.argpartition(-logits, top)[:top].tolist()
        best.sort(key=lambda t: (-logits[t], t))  # of equals the first, as temperature 0 takes it
    return (of(token, tuple(map(of, best))),)
