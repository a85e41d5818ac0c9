"""Direct, chain of thought and self-consistency on GSM8K."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

from agentlab.chains.usage import UsageCounter
from bench.shares import sign_test, wilson

TITLES = {
    "direct": "direct",
    "cot": "chain of thought, in few words",
    "cot-long": "chain of thought, the default phrase",
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
    from agentlab.reasoning.answers import answer_kind

    if method == "direct":
        ask = "\n\nAnswer with the number only."
        prompt = load_prompt("reason/question")
        return (lambda text: f"{text}{ask}") | (
            prompt | model.bind(regex=answer_kind("number").pattern)
        )
    if method == "cot-long":
        return chain_of_thought(model, answer="number")
    if method == "cot":
        return chain_of_thought(model, phrase=_THINK, answer="number")
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


def gold_of(problem: dict[str, str]) -> str:
    """The number that is right."""
    return problem["answer"].rpartition("####")[2].strip().replace(",", "")


def votes_of_five(row: dict[str, Any], gold: str) -> bool:
    """Whether the first five paths of ``row`` would have voted for ``gold``."""
    votes = [vote for vote in row["path_answers"][:5] if vote is not None]
    winner = max(votes, key=lambda vote: (votes.count(vote), -votes.index(vote)), default="")
    return is_right(winner, gold)


def table(rows: list[dict[str, Any]], methods: list[str], golds: dict[int, str]) -> str:
    """One line a method, of the problems that all methods did, as Markdown.

    With ``golds``, the right numbers, also what the first five of ten paths would have voted for.
    """
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
        each = [
            sum(row[key] for row in mine) / len(mine)
            for key in ("calls", "read", "written", "seconds")
        ]
        told = f"{each[0]:.1f} | {each[1]:.0f} | {each[2]:.0f} | {each[3]:.0f}"
        lines.append(_line(TITLES[method], [row["right"] for row in mine], told))
        if method == "sc10" and golds:
            five = [votes_of_five(row, golds[row["number"]]) for row in mine]
            lines.append(_line("the first five of these paths", five, " | | | "))
    lines += ["", *(_compared(rows, shared, one, two) for one, two in pairwise(methods))]
    return "\n".join(lines)


def _line(title: str, right: list[bool], told: str) -> str:
    low, high = wilson(sum(right), len(right))
    share = f"{sum(right) / len(right):.2f} ({low:.2f} to {high:.2f})"
    return f"| {title} | {sum(right)} of {len(right)} | {share} | {told} |"


def _compared(rows: list[dict[str, Any]], shared: set[int], one: str, two: str) -> str:
    """How often only one of two methods is right, and the sign test's p."""
    right = {(r["method"], r["number"]) for r in rows if r["right"]}
    first = sum((one, n) in right and (two, n) not in right for n in shared)
    second = sum((two, n) in right and (one, n) not in right for n in shared)
    return (
        f"- {TITLES[one]} and {TITLES[two]}: {first} problems only the first got right, "
        f"{second} only the second; p = {sign_test(first, second):.2g}"
    )
