"""``budget``: what a run may cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentlab.errors import ScenarioError
from agentlab.recording import Step
from agentlab.scenarios.expectations.base import (
    Check,
    CheckContext,
    Compiler,
    Expectation,
    Matcher,
    Place,
    fields,
    kind_of,
    wrong,
)
from agentlab.scenarios.expectations.calls import made_calls
from agentlab.scenarios.expectations.numbers import compile_bound
from agentlab.scenarios.results import Failure, Run

KEYS = ("tokens", "prompt_tokens", "model_calls", "tool_calls", "seconds", "usd")
_FREE = ("gguf", "agentlab-scripted")  # providers that run here


@dataclass(frozen=True)
class Budget(Check[Run]):
    """One kind of cost is within its bound. ``seconds`` are those of the recording."""

    place: Place
    key: str
    bound: Matcher

    def check(self, subject: Run, context: CheckContext) -> list[Failure]:
        amount = self._amount(subject, context)
        if not self.bound.check(amount, context):
            return []
        unit = self.key.replace("_", " ")
        got = f"{amount:.4g} {unit}" if isinstance(amount, float) else f"{amount:,} {unit}"
        told = _spent(subject, self.key) if context.explain else ""
        return [Failure(str(self.place), str(self), got, told)]

    def _amount(self, run: Run, context: CheckContext) -> float:
        if self.key == "seconds":
            return run.seconds
        if self.key == "tool_calls":
            return len(made_calls(run))
        models = [step for step in run.steps if step.kind == "model"]
        if self.key == "model_calls":
            return len(models)
        if self.key == "usd":
            return sum(_price(step, context.prices, self.place) for step in models)
        name = "total_tokens" if self.key == "tokens" else "input_tokens"
        return sum(_tokens(step, name, self.place) for step in models)

    def __str__(self) -> str:
        return f"{self.bound} {self.key.replace('_', ' ')}"


def _tokens(step: Step, name: str, place: Place) -> int:
    if step.error is not None:
        return 0
    usage = step.usage or {}
    if name not in usage:
        raise ScenarioError(
            f"{place}: the model {step.target} did not report its tokens",
            hint="of hosted models, ask for usage in streams (stream_usage=True); a reply that an "
            "agent cut short tells none",
        )
    return int(usage[name])


def _price(step: Step, prices: Mapping[str, Mapping[str, float]], place: Place) -> float:
    if step.request.identity.get("provider") in _FREE:
        return 0.0
    price = prices.get(step.target)
    if price is None or not {"input", "output"} <= set(price):
        raise ScenarioError(
            f"{place}: there is no price for the model {step.target}",
            hint=f"put it in the file, in dollars for a million tokens: "
            f"prices: {{{step.target}: {{input: 0.15, output: 0.60}}}}",
        )
    read = _tokens(step, "input_tokens", place)
    details = (step.usage or {}).get("input_token_details") or {}
    cached = min(read, int(details.get("cache_read") or 0)) if "cached" in price else 0
    written = _tokens(step, "output_tokens", place)
    cost = (read - cached) * price["input"] + written * price["output"]
    return (cost + cached * price.get("cached", 0.0)) / 1_000_000


def _spent(run: Run, key: str) -> str:
    """Where the most of it went."""
    models = [(i, step) for i, step in enumerate(run.steps, start=1) if step.kind == "model"]
    if key == "seconds" and run.steps:
        index, step = max(enumerate(run.steps, start=1), key=lambda pair: pair[1].latency)
        return f"step {index} ({step.kind} {step.target}) took {step.latency:.4g} of them"
    if key in ("tokens", "prompt_tokens") and models:
        name = "total_tokens" if key == "tokens" else "input_tokens"
        index, step = max(models, key=lambda pair: (pair[1].usage or {}).get(name, 0))
        usage = step.usage or {}
        read, written = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
        return f"the largest call is step {index}: {read:,} read, {written:,} written"
    return ""


def compile_budget(raw: Any, place: Place, compiler: Compiler) -> list[Expectation]:
    """``budget: {tokens: 400, …}``: a number is the most there may be."""
    found: list[Expectation] = []
    for key, value in fields(raw, place, KEYS).items():
        where = place / key
        if isinstance(value, Mapping):
            found.append(Budget(where, key, compiler.matcher(value, where)))
            continue
        if isinstance(value, int | float) and not isinstance(value, bool) and value < 0:
            raise wrong(where, f"expected a number of 0 or more, got {value}")
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise wrong(where, f"expected a number, got {kind_of(value)}")
        found.append(Budget(where, key, compile_bound(value, where, compiler, least=False)))
    return found
