"""Our model against a bare ``llama_cpp.Llama``: the same file, tokens, parameters and threads."""

from __future__ import annotations

import statistics
from typing import Any

import llama_cpp
from langchain_core.messages import HumanMessage

from agentlab import load_model, load_prompt, sequential
from agentlab.models.box import find_box_model
from bench.measure import Clock, Comparison, side_by_side

CONTEXT = 2048
THREADS = 1  # two would wait for each other wherever another program has a core
PARAMETERS: dict[str, Any] = {
    "temperature": 0.0,
    "top_k": 40,
    "top_p": 1.0,
    "min_p": 0.0,
    "repeat_penalty": 1.0,
}
HOLE = "@HOLE@"
TARGET = "under 1 ms or 1 % more"


class Bare:
    """llama-cpp-python's own high-level class, given text that is rendered already."""

    def __init__(self, n_batch: int) -> None:
        self.llama = llama_cpp.Llama(
            str(find_box_model()),
            n_ctx=CONTEXT,
            n_batch=n_batch,
            n_threads=THREADS,
            n_threads_batch=THREADS,
            seed=7,
            verbose=False,
        )

    def complete(self, prompt: str, max_tokens: int, *, anew: bool = True) -> str:
        answer: Any = self._create(prompt, max_tokens, anew=anew)
        return str(answer["choices"][0]["text"])

    def stream(self, prompt: str, max_tokens: int, *, anew: bool = True) -> str:
        chunks: Any = self._create(prompt, max_tokens, anew=anew, stream=True)
        return "".join(chunk["choices"][0]["text"] for chunk in chunks)

    def _create(self, prompt: str, max_tokens: int, *, anew: bool, stream: bool = False) -> Any:
        if anew:
            self.llama.reset()  # type: ignore[no-untyped-call]  # forgets the prompt before
        tokens = self.llama.tokenize(prompt.encode(), add_bos=False, special=True)
        return self.llama.create_completion(
            tokens, max_tokens=max_tokens, seed=7, stream=stream, **PARAMETERS
        )


def _load(max_tokens: int) -> Any:
    return load_model(
        "smollm2", max_tokens=max_tokens, n_ctx=CONTEXT, n_threads=THREADS, seed=7, **PARAMETERS
    )


def calls(rounds: int, clock: Clock) -> list[Comparison]:
    """``model.invoke`` and ``model.stream`` against ``create_completion``."""
    model = _load(16)
    shortest = _load(1)
    bare = Bare(model.n_batch)
    frame = str(model.render([HumanMessage(HOLE)]))  # rendered here, so that theirs needs not

    def text(number: int) -> str:
        return f"{number + 100} pears are in a basket. Say something about pears in one sentence."

    def rendered(number: int) -> str:
        return frame.replace(HOLE, text(number))

    cases = [
        (
            "a call of 1 token",
            lambda n: shortest.invoke(text(n)).text,
            lambda n: bare.complete(rendered(n), 1),
            True,
        ),
        (
            "a call of 16 tokens",
            lambda n: model.invoke(text(n)).text,
            lambda n: bare.complete(rendered(n), 16),
            True,
        ),
        (
            "16 tokens, streamed",
            lambda n: "".join(chunk.text for chunk in model.stream(text(n))),
            lambda n: bare.stream(rendered(n), 16),
            True,
        ),
        (
            "16 tokens after the same prompt as before, each reusing what it can",
            lambda n: model.invoke(text(0)).text,
            lambda n: bare.complete(rendered(0), 16, anew=False),
            False,
        ),
    ]
    return [_compared(*case, rounds=rounds, clock=clock) for case in cases]


def chain(rounds: int, clock: Clock) -> list[Comparison]:
    """A chain of three steps against the same three bare calls, one after the other."""
    model = _load(24)
    bare = Bare(model.n_batch)
    prompts = {name: load_prompt(f"story/{name}") for name in ("title", "character", "story")}
    story = sequential(**{name: prompt | model for name, prompt in prompts.items()})

    def given(number: int) -> dict[str, str]:
        return {"summary": f"{number + 100} pears in a basket"}

    holes = {name: f"@{name}@" for name in ("summary", *prompts)}
    frames = {
        name: str(model.render(prompt.invoke(holes).to_messages()))
        for name, prompt in prompts.items()
    }

    def by_hand(number: int) -> str:
        values = given(number)
        for name, frame in frames.items():
            for known, value in values.items():
                frame = frame.replace(holes[known], value)
            values[name] = bare.complete(frame, 24)
        return values["story"]

    def by_chain(number: int) -> str:
        return str(story.invoke(given(number))["story"])

    name = "a chain of three steps of 24 tokens"
    return [_compared(name, by_chain, by_hand, True, rounds=rounds // 3 + 1, clock=clock)]


def _compared(
    name: str, ours: Any, theirs: Any, same_work: bool, *, rounds: int, clock: Clock
) -> Comparison:
    mine, bare, same = side_by_side(ours, theirs, rounds, clock)
    note = f"the same text in {same} of {rounds} rounds"
    if not same_work:
        return Comparison(name, mine, bare, note=note)
    found = Comparison(name, mine, bare)
    met = statistics.median(found.differences) < 0.001 or found.ratio < 1.01
    return Comparison(name, mine, bare, target=TARGET, met=met, note=note)
