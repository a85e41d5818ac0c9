"""Direct, chain of thought and self-consistency on GSM8K."""

from __future__ import annotations

import time
from typing import Any

from agentlab.chains.usage import UsageCounter
from agentlab.evaluation.intervals import mean_interval

TITLES = {
    "direct": "direct",
    "cot": "chain of thought",
    "sc5": "self-consistency, at most 5",
    "sc10": "self-consistency, at most 10",
    "sc10-one": "the same, one by one",
}
TEMPERATURE = 0.7
_THINK = "Solve the problem step by step, in few words."


def solve(method: str, model: Any, question: str, number: int) -> dict[str, Any]:
    """What ``method`` answers, and what it took."""
    usage = UsageCounter()
    began = time.monotonic()
    result = _runnable(method, model, number).invoke(question, {"callbacks": [usage]})
    seconds = time.monotonic() - began
    answer = result["answer"] if isinstance(result, dict) else str(result.text)
    kept = {
        k: result[k]
        for k in ("share", "votes", "asked")
        if isinstance(result, dict) and k in result
    }
    if isinstance(result, dict) and "paths" in result:
        kept["path_answers"] = [path["vote"] for path in result["paths"]]
    return {
        "answer": answer,
        "calls": usage.usage.model_calls,
        "read": usage.usage.input_tokens,
        "written": usage.usage.output_tokens,
        "seconds": seconds,
        **kept,
    }


def _runnable(method: str, model: Any, number: int) -> Any:
    from agentlab import load_prompt
    from agentlab.reasoning import chain_of_thought, self_consistency

    if method == "direct":
        ask = "\n\nAnswer with the number only."
        prompt = load_prompt("reason/question")
        return (lambda text: f"{text}{ask}") | (
            prompt | model.bind(regex=r"-?[0-9]{1,9}(\.[0-9]{1,4})?")
        )
    thinking = chain_of_thought(model, phrase=_THINK, answer="number")
    if method == "cot":
        return thinking
    # Without a seed the paths of a round are one batch; the model draws a seed for each.
    free = chain_of_thought(model.model_copy(update={"seed": None}), phrase=_THINK, answer="number")
    n = 5 if method == "sc5" else 10
    together = 1 if method.endswith("-one") else None
    return self_consistency(free, n=n, temperature=TEMPERATURE, vote="number", together=together)


def is_right(answer: str, gold: str) -> bool:
    """Whether ``answer`` is the number ``gold``."""
    try:
        return abs(float(answer.replace(",", "")) - float(gold)) < 1e-6
    except ValueError:
        return False


def table(rows: list[dict[str, Any]], methods: list[str]) -> str:
    """One line a method, of the problems that all methods did, as Markdown."""
    numbers = {m: {row["number"] for row in rows if row["method"] == m} for m in methods}
    shared = set.intersection(*numbers.values()) if numbers else set()
    lines = [
        f"{len(shared)} problems.",
        "",
        "| way | right | share (95% interval) | calls | tokens read | tokens written | seconds |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for method in methods if shared else ():
        mine = [row for row in rows if row["method"] == method and row["number"] in shared]
        share = mean_interval([float(row["right"]) for row in mine])
        each = [
            sum(row[key] for row in mine) / len(mine)
            for key in ("calls", "read", "written", "seconds")
        ]
        lines.append(
            f"| {TITLES[method]} | {sum(row['right'] for row in mine)} of {len(mine)} "
            f"| {share.mean:.2f} ({share.low:.2f} to {share.high:.2f}) | {each[0]:.1f} "
            f"| {each[1]:.0f} | {each[2]:.0f} | {each[3]:.0f} |"
        )
    return "\n".join(lines)
