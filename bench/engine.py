"""What the local engine need not do twice, beside a bare ``llama_cpp.Llama`` and ChatLlamaCpp's.

``python -m bench.engine [--model PATH] [--rounds N] [--only PARTS] [--out FILE]``: one JSON object
a line, as each part ends. Tokens evaluated are counted on both sides and decide; times are told
besides, one request at a time in CPU seconds of one thread, which other work on the machine does
not add to. ``--llama-bench PATH`` runs llama.cpp's own benchmark in turn with ours, in seconds.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import llama_cpp

from agentlab.engine import (
    Constraint,
    ContextOptions,
    Engine,
    LoadOptions,
    Request,
    Sampling,
    compile_schema,
    open_engine,
)
from agentlab.models.box import find_box_model
from bench.report import machine

CONTEXT = 4096
GREEDY = Sampling(seed=0, temperature=0.0)
WORDS = "the keeper of the lighthouse wrote in his book what the sea had been doing that day "
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 30},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "trade": {"enum": ["cook", "keeper", "sailor"]},
    },
    "required": ["name", "age", "trade"],
    "additionalProperties": False,
}


class Ours:
    """Our engine, counting the tokens it evaluates."""

    def __init__(self, path: Path, **shape: Any) -> None:
        options = ContextOptions(CONTEXT, n_threads=1, **shape)
        self.engine: Engine = open_engine(path, LoadOptions(), options)

    def tokens(self, text: str) -> list[int]:
        return self.engine.weights.tokenize(text)

    def ask(
        self,
        tokens: Sequence[int],
        count: int,
        constraint: Constraint | None = None,
        seed: int | None = None,
    ) -> tuple[list[int], int, float]:
        """The text's tokens, how many were evaluated, and the seconds."""
        sampling = Sampling(seed=seed or 0, temperature=0.0 if seed is None else 1.0)
        request = Request(tuple(tokens), sampling, count, constraint=constraint)
        began = time.process_time()
        pieces = list(self.engine.generate(request))
        seconds = time.process_time() - began
        told = pieces[-1].timings
        assert told is not None
        text = "".join(piece.text for piece in pieces)
        evaluated = told.prompt_tokens - told.cached_tokens + max(told.completion_tokens - 1, 0)
        return self.tokens(text), evaluated, seconds

    def forget(self) -> None:
        self.ask(self.tokens("@"), 1)
        context = self.engine._worker.context
        context.forget()
        context.shelf.clear()
        batch = self.engine._worker.batch
        while batch is not None and batch._slots.drop_idle():
            pass


class Bare:
    """``llama_cpp.Llama`` as it comes, which keeps the last prompt's prefix."""

    def __init__(self, path: Path) -> None:
        self.llama = llama_cpp.Llama(
            str(path), n_ctx=CONTEXT, n_threads=1, n_threads_batch=1, seed=7, verbose=False
        )
        self.evaluated = 0
        own = self.llama.eval

        def counted(tokens: Sequence[int]) -> None:
            self.evaluated += len(tokens)
            own(tokens)

        self.llama.eval = counted  # type: ignore[method-assign]

    def ask(self, tokens: Sequence[int], count: int) -> tuple[list[int], int, float]:
        before, began = self.evaluated, time.process_time()
        found: list[int] = []
        for token in self.llama.generate(list(tokens), temp=0.0, top_k=40, repeat_penalty=1.0):
            if llama_cpp.llama_vocab_is_eog(self.llama._model.vocab, token) or len(found) >= count:
                break
            found.append(token)
            if len(found) == count:
                break
        return found, self.evaluated - before, time.process_time() - began

    def forget(self) -> None:
        self.llama.reset()  # type: ignore[no-untyped-call]
        self.llama.n_tokens = 0


Asker = Ours | Bare


def chat(model: Asker, tokens: Callable[[str], list[int]], turns: int, *, summarise: bool) -> Any:
    """Prompt tokens evaluated at each turn of a chat, a summary by the same model in between."""
    model.forget()
    history, evaluated, seconds = tokens("You are a keeper. " * 6), [], []
    for number in range(turns):
        history += tokens(f"\nUser: {number} {WORDS}\nKeeper:")
        _, count, took = model.ask(history, 1)
        evaluated.append(count)
        seconds.append(took)
        history += tokens(" yes, " + WORDS)
        if summarise:
            model.ask(tokens("Sum up: " + WORDS * 3 + str(number)), 4)
    return evaluated, seconds


def window(turns: int, least: int, most: int) -> list[int]:
    """Messages shown at each turn by a window memory."""
    from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

    from agentlab.memory.trimming import WindowMemory

    memory, history, first = WindowMemory(least, most), list[BaseMessage](), []
    for number in range(turns):
        history += [HumanMessage(str(number)), AIMessage("yes")]
        first.append(int(memory.view(history)[0].text))
    return first


def windowed(ours: Ours, turns: int, least: int, most: int) -> int:
    """Prompt tokens evaluated in a chat with a window memory."""
    ours.forget()
    said = [ours.tokens(f"\nUser: {n} {WORDS * 3}\nKeeper: yes") for n in range(turns)]
    total = 0
    for number, first in enumerate(window(turns, least, most)):
        shown = ours.tokens("You are a keeper. " * 6)
        for turn in said[first : number + 1]:
            shown += turn
        total += ours.ask(shown, 1)[1]
    return total


def windows(ours: Ours) -> dict[str, Any]:
    """30 turns with the last k shown, and with k to 2k shown."""
    told = {}
    for k in (4, 6, 8):
        moving, stepped = windowed(ours, 30, k, k), windowed(ours, 30, k, 2 * k)
        told[f"{k} to {2 * k}"] = [moving, stepped, round(stepped / moving, 3)]
    return told


def react(model: Asker, tokens: Callable[[str], list[int]], steps: int = 8) -> list[float]:
    """At each step: tokens evaluated, by the new ones that cannot but be."""
    model.forget()
    prompt, ratios = tokens("You may use these tools. " * 40), []
    model.ask(prompt, 1)
    for number in range(steps):
        answer, _, _ = model.ask(prompt, 16)
        observation = tokens(f"\nObservation {number}: {WORDS * 2}")
        prompt = [*prompt, *answer, *observation]
        _, evaluated, _ = model.ask(prompt, 1)
        ratios.append(evaluated / (len(answer) + len(observation)))
    return ratios


def samples(model: Ours, count: int, prompt: list[int], tokens: int) -> float:
    """Seconds of ``count`` answers to one prompt, cold."""
    model.forget()
    return sum(model.ask(prompt, tokens, seed=1 + n)[2] for n in range(count))


def median_ratio(rounds: int, one: Callable[[], float], other: Callable[[], float]) -> list[float]:
    """Ratios of seconds, measured in turn, sorted."""
    ratios = []
    for number in range(rounds):
        if number % 2:
            b = other()
            a = one()
        else:
            a = one()
            b = other()
        ratios.append(a / b)
    return sorted(ratios)


def spread(ratios: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(ratios), 3),
        "least": round(ratios[0], 3),
        "most": round(ratios[-1], 3),
    }


def parts(path: Path, rounds: int, only: set[str], threads: int) -> Any:
    """Every part, in the order of the page."""
    from bench import engine_together

    if not only or "alone" in only:
        yield from parts_alone(path, rounds)
    if not only or "samples" in only:
        for name, ratios in engine_together.of_one_prompt(path, threads, rounds):
            yield name, spread(ratios)
    if not only or "served" in only:
        for name, ratios in engine_together.served(path, threads, rounds):
            yield name, spread(ratios)
    if not only or "together" in only:
        for name, ratios in engine_together.of_many_prompts(path, threads, rounds):
            yield name, spread(ratios)
    if not only or "differences" in only:
        yield "greedy, together and alone", engine_together.differences(path, threads)
        yield "greedy, reusing and not", engine_together.reusing(path, threads)


def parts_alone(path: Path, rounds: int) -> Any:
    """One request at a time."""
    ours, bare = Ours(path), Bare(path)
    tokens = ours.tokens
    for summarise in (False, True):
        mine, _ = chat(ours, tokens, 20, summarise=summarise)
        theirs, _ = chat(bare, tokens, 20, summarise=summarise)
        yield (
            "chat" + (", a summary after each turn" if summarise else ""),
            {
                "evaluated_turn_2": [mine[1], theirs[1]],
                "evaluated_turn_20": [mine[-1], theirs[-1]],
                "evaluated_in_all": [sum(mine), sum(theirs)],
            },
        )
    yield "window", windows(ours)
    yield (
        "react",
        {
            "ours": [round(r, 3) for r in react(ours, tokens)],
            "theirs": [round(r, 3) for r in react(bare, tokens)],
        },
    )
    shapes = {"parallel=4": Ours(path, parallel=4), "reusing": Ours(path, deterministic=False)}
    for name, other in shapes.items():
        for summarise in (False, True):
            counts, _ = chat(other, tokens, 20, summarise=summarise)
            told = {"turn_2": counts[1], "turn_20": counts[-1], "in_all": sum(counts)}
            yield f"{name}, chat{', summaries' if summarise else ''}", told
        yield f"{name}, window", windows(other)
        yield f"{name}, react", {"ours": [round(r, 3) for r in react(other, tokens)]}
    prompt = tokens(WORDS * 35)[:600]
    for count in (4, 8):
        ratios = median_ratio(
            rounds,
            lambda count=count: samples(ours, count, prompt, 24),  # type: ignore[misc]
            lambda: samples(ours, 1, prompt, 24),
        )
        yield f"{count} answers by one, 600 tokens and 24", spread(ratios)
    yield "grammar", grammar(ours, rounds)
    yield "saved", saved(ours, path, rounds)
    yield "single", single(ours, bare, rounds)


def grammar(ours: Ours, rounds: int) -> Any:
    """Seconds a token under a schema by those of the same text without."""
    held = compile_schema(SCHEMA)
    prompt = tokens = ours.tokens("Anna is a cook, 30 years old. As JSON:")
    first, _, _ = ours.ask(prompt, 40, held)

    def under() -> float:
        ours.forget()
        found, _, seconds = ours.ask(tokens, 40, held)
        return seconds / len(found)

    def free() -> float:
        ours.forget()
        found, _, seconds = ours.ask(tokens, len(first))
        return seconds / max(len(found), 1)

    return {"tokens": len(first), **spread(median_ratio(rounds, under, free))}


def saved(ours: Ours, path: Path, rounds: int) -> Any:
    """Reading 1,200 tokens, by taking them up from a file and giving the first token."""
    prompt = ours.tokens(WORDS * 80)[:1200]
    key = {"model": path.name}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "state"
        ours.engine.save(file, prompt, key)

        def read() -> float:
            ours.forget()
            return ours.ask(prompt, 1)[2]

        def load() -> float:
            ours.forget()
            began = time.process_time()
            ours.engine.load(file, key)
            ours.ask(prompt, 1)
            return time.process_time() - began

        return {"MiB": file.stat().st_size >> 20, **spread(median_ratio(rounds, read, load))}


def single(ours: Ours, bare: Bare, rounds: int) -> Any:
    """Our tokens a second by theirs, of one prompt read and one answer written."""
    prompt = ours.tokens(WORDS * 25)[:384]

    def of(model: Asker, count: int) -> float:
        model.forget()
        return model.ask(prompt, count)[2]

    return {
        "read": spread(median_ratio(rounds, lambda: of(bare, 1), lambda: of(ours, 1))),
        "read and write 32": spread(
            median_ratio(rounds, lambda: of(bare, 32), lambda: of(ours, 32))
        ),
    }


def beside_llama_bench(path: Path, program: Path, rounds: int) -> Any:
    """Our tokens a second by those of ``llama-bench``: 384 read, and 64 written after one.

    Without flash attention, which is our default on a CPU, and with it, which is llama-bench's.
    """
    theirs, found = {"read": ("-p", "384", "-n", "0"), "written": ("-p", "0", "-n", "64")}, {}
    for what, flash in product(theirs, (False, True)):
        ours, ratios = Ours(path, flash_attention=flash), []
        prompt = ours.tokens(WORDS * 25)[:384]
        command = [str(program), "-m", str(path), "-t", "1", "-r", "1", "-o", "json"]
        command += [*theirs[what], "-fa", str(int(flash))]
        for _ in range(rounds):
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            speed = json.loads(said)[0]["avg_ts"]
            ours.forget()
            request = Request(tuple(prompt if what == "read" else prompt[:1]), GREEDY, 64)
            told = list(ours.engine.generate(request))[-1].timings
            assert told is not None
            # The first token needs no step beyond the prompt's.
            count = len(prompt) if what == "read" else told.completion_tokens - 1
            taken = told.prompt_seconds if what == "read" else told.completion_seconds
            ratios.append(count / taken / speed)
        found[what + (", flash attention" if flash else "")] = spread(sorted(ratios))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.engine")
    parser.add_argument("--model", type=Path, help="a GGUF file (the model in the box)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--only", default="", help="alone, samples, served, together, differences (all)"
    )
    parser.add_argument(
        "--llama-bench", type=Path, help="llama.cpp's benchmark; run only beside it"
    )
    parser.add_argument("--threads", type=int, default=1, help="of the parts together (1)")
    parser.add_argument("--out", type=Path, help="append the lines to this file too")
    options = parser.parse_args()
    print(machine(), file=sys.stderr)
    only = {name for name in options.only.split(",") if name}
    path = options.model or find_box_model()
    found_parts = parts(path, options.rounds, only, options.threads)
    if options.llama_bench:
        found = beside_llama_bench(path, options.llama_bench, options.rounds)
        found_parts = [("beside llama-bench", found)]
    for name, found in found_parts:
        line = json.dumps({"part": name, **found})
        print(line, flush=True)
        if options.out:
            with options.out.open("a") as file:
                file.write(line + "\n")
        gc.collect()
