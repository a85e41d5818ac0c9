"""Requests decoded together, beside one by one on the same model. See bench/engine.py."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from agentlab.engine import (
    ContextOptions,
    Engine,
    LoadOptions,
    Piece,
    Request,
    Sampling,
    open_engine,
)

CONTEXT = 4096
MOST = 16
_SUBJECTS = (
    "a lighthouse", "a bakery", "the tides", "a lost key", "an old map", "bees", "a night train",
    "a broken clock", "mountain rescue", "a school play", "rain", "a chess game", "glass", "salt",
    "a long letter", "the harbour", "a garden", "an orchestra", "winter", "a bridge",
)  # fmt: skip
_TASKS = (
    "Tell a short story about {}.", "Explain {} to a child.", "Write three questions about {}.",
    "What should I know about {}?", "Give me a title for a book about {}.",
    "Write a postcard about {}.", "Describe {} in one sentence.", "Why do people like {}?",
    "Make a list of words that go with {}.", "Write the first line of a song about {}.",
)  # fmt: skip
PROMPTS = [task.format(subject) for task in _TASKS for subject in _SUBJECTS]


def engines(path: Path, threads: int) -> tuple[Engine, Engine]:
    """One that decodes together, one that does not."""
    shape = ContextOptions(CONTEXT, n_threads=threads)
    together = open_engine(path, LoadOptions(), replace(shape, parallel=MOST))
    return together, open_engine(path, LoadOptions(), shape)


def chat_tokens(engine: Engine, text: str) -> tuple[int, ...]:
    """A question in the plainest of chat templates."""
    prompt = f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"
    return tuple(engine.weights.tokenize(prompt))


def clock_of(threads: int) -> Callable[[], float]:
    """CPU seconds for one thread, which others on the machine do not add to; else wall time."""
    return time.process_time if threads == 1 else time.perf_counter


def at_once(
    engine: Engine, requests: Sequence[Request], clock: Callable[[], float] = time.perf_counter
) -> tuple[list[list[Piece]], float]:
    """The answers to ``requests``, asked at the same time, and the seconds till the last."""
    found: list[list[Piece]] = [[] for _ in requests]

    def ask(number: int) -> None:
        found[number] = list(engine.generate(requests[number]))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(len(requests))]
    began = clock()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found, clock() - began


def one_by_one(engine: Engine, requests: Sequence[Request], clock: Callable[[], float]) -> float:
    """Seconds of all, one after the other."""
    began = clock()
    for request in requests:
        list(engine.generate(request))
    return clock() - began


def of_one_prompt(path: Path, threads: int, rounds: int) -> Iterator[tuple[str, list[float]]]:
    """Seconds of n answers to one prompt of 600 tokens, 24 tokens each, by those of one; cold."""
    together, alone = engines(path, threads)
    clock = clock_of(threads)
    words = "the keeper of the lighthouse wrote in his book what the sea had been doing that day "
    for count in (4, 8):
        ratios = []
        for number in range(rounds):
            prompt = chat_tokens(alone, f"{count}{number} " + words * 35)[:600]
            requests = [
                Request(prompt, Sampling(seed=n, temperature=1.0), 24) for n in range(count)
            ]
            one = one_by_one(alone, requests[:1], clock)
            ratios.append(at_once(together, requests, clock)[1] / one)
        yield f"{count} answers together by one, 600 tokens and 24", sorted(ratios)


def of_many_prompts(path: Path, threads: int, rounds: int) -> Iterator[tuple[str, list[float]]]:
    """Seconds of n short questions together by those of the same one by one, 48 tokens each."""
    together, alone = engines(path, threads)
    clock = clock_of(threads)
    at = 0
    for count in (2, 4, 8, 16):
        ratios = []
        for _ in range(rounds):
            texts = [PROMPTS[(at + n) % len(PROMPTS)] for n in range(count)]
            at += count
            greedy = Sampling(seed=1, temperature=0.0)
            requests = [Request(chat_tokens(alone, text), greedy, 48) for text in texts]
            one = one_by_one(alone, requests, clock)
            ratios.append(at_once(together, requests, clock)[1] / one)
        yield f"{count} questions together by one by one, 48 tokens each", sorted(ratios)


def differences(path: Path, threads: int) -> dict[str, Any]:
    """Of 200 greedy answers of 32 tokens: how many differ in batches of 8, where, and how near."""
    together, alone = engines(path, threads)
    greedy = Sampling(seed=1, temperature=0.0)
    pairs = []
    for first in range(0, len(PROMPTS), 8):
        requests = [
            Request(chat_tokens(alone, text), greedy, 32, top_logprobs=2)
            for text in PROMPTS[first : first + 8]
        ]
        for request, pieces in zip(requests, at_once(together, requests)[0], strict=True):
            pairs.append((pieces, list(alone.generate(request))))
    return compared(pairs)


def reusing(path: Path, threads: int) -> dict[str, Any]:
    """The same for answers to a second question, where the first answer is not read again."""
    shape = ContextOptions(CONTEXT, n_threads=threads)
    warm = open_engine(path, LoadOptions(), replace(shape, deterministic=False))
    alone = open_engine(path, LoadOptions(), shape)
    greedy = Sampling(seed=1, temperature=0.0)
    pairs = []
    for text in PROMPTS:
        first = chat_tokens(alone, text)
        said = "".join(piece.text for piece in warm.generate(Request(first, greedy, 32)))
        more = alone.weights.tokenize(f"{said}<|im_end|>\n")
        request = Request((*first, *more, *chat_tokens(alone, "Why?")), greedy, 32, top_logprobs=2)
        pairs.append((list(warm.generate(request)), list(alone.generate(request))))
    return compared(pairs)


def compared(answers: Sequence[tuple[list[Piece], list[Piece]]]) -> dict[str, Any]:
    """Of pairs of answers to one request: how many differ, from which token on, and how near."""
    places, gaps = [], []
    for ours, theirs in answers:
        one = [entry for piece in ours for entry in piece.logprobs]
        other = [entry for piece in theirs for entry in piece.logprobs]
        pairs = list(zip(one, other, strict=False))
        place = next((i for i, (a, b) in enumerate(pairs) if a.text != b.text), None)
        if place is not None:
            places.append(place)
            top = other[place].top
            gaps.append(top[0].logprob - top[1].logprob)
    return {
        "answers": len(answers),
        "differ": len(places),
        "median_first_place": sorted(places)[len(places) // 2] if places else None,
        "median_gap_nats": round(sorted(gaps)[len(gaps) // 2], 3) if gaps else None,
        "largest_gap_nats": round(max(gaps), 3) if gaps else None,
    }


def served(path: Path, threads: int, rounds: int) -> Iterator[tuple[str, list[float]]]:
    """Seconds of 4 answers to one long question by those of one: ours, and llama.cpp's server."""
    from agentlab import load_model

    shape = {"n_ctx": CONTEXT, "n_threads": threads, "temperature": 1.0, "max_tokens": 24}
    words = "the keeper of the lighthouse wrote in his book what the sea had been doing that day "
    for name, model in (
        ("parallel=4", load_model(f"gguf:{path}", parallel=4, **shape)),
        ("served", load_model(f"served:{path}", parallel=4, **shape)),
    ):
        ratios = []
        for number in range(rounds):
            one, many = (f"{which}{number} " + words * 30 for which in ("one", "many"))
            began = time.perf_counter()
            model.invoke(one)
            alone = time.perf_counter() - began
            began = time.perf_counter()
            model.batch([many] * 4)
            ratios.append((time.perf_counter() - began) / alone)
        yield f"4 answers by one through load_model, {name}", sorted(ratios)
