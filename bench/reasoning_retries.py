"""validated() beside LangChain's with_retry and output parser, on one model and the same cases.

All three are asked for the same object and may ask three times. LangChain's parser reads free text;
`with_retry` runs the chain again without telling what was wrong.
"""

from __future__ import annotations

import time
from typing import Any

from bench.reasoning_schemas import SCHEMAS, problem, prompt

WAYS = ("validated", "validated, free text", "with_retry")
ATTEMPTS = 3
MAX_TOKENS = 64
# With bounds that a model of this size can meet in a few words.
_NAMES = ("sentiment", "money", "product-rating", "rpg-character", "support-ticket", "github-label")


def cases(count: int) -> list[tuple[str, int]]:
    """Schemas in turn, each time about another topic."""
    return [(_NAMES[n % len(_NAMES)], n) for n in range(count)]


def ask(way: str, model: Any, case: tuple[str, int], number: int) -> dict[str, Any]:
    """What came of one case: whether it is valid, the calls and the tokens."""
    import json

    from agentlab.chains.usage import UsageCounter
    from agentlab.errors import AgentLabError

    name, topic = case
    schema = SCHEMAS[name]
    asked = f"{prompt(name, topic)}\nIt fits this JSON schema: {json.dumps(schema)}"
    usage = UsageCounter()
    began = time.monotonic()
    value, error = None, ""
    try:
        value = _runnable(way, model, schema, number).invoke(asked, {"callbacks": [usage]})
    except (AgentLabError, ValueError) as failure:  # LangChain's OutputParserException is one
        error = f"{type(failure).__name__}: {failure}"[:200]
    wrong = error or problem(json.dumps(value), schema)
    return {
        "way": way,
        "valid": not wrong,
        "returned": value is not None,
        "problem": wrong,
        "calls": usage.usage.model_calls,
        "tokens": usage.usage.input_tokens + usage.usage.output_tokens,
        "seconds": time.monotonic() - began,
    }


def _runnable(way: str, model: Any, schema: dict[str, Any], number: int) -> Any:
    from langchain_core.output_parsers import JsonOutputParser

    from agentlab.reasoning import validated

    hot = model.model_copy(update={"temperature": 0.7, "seed": None, "max_tokens": MAX_TOKENS})
    if way == "validated":
        return validated(hot, schema=schema, retries=ATTEMPTS - 1)
    if way == "validated, free text":
        return validated(hot | (lambda message: message.text), schema=schema, retries=ATTEMPTS - 1)
    return (hot | JsonOutputParser()).with_retry(
        stop_after_attempt=ATTEMPTS, wait_exponential_jitter=False
    )


def table(rows: list[dict[str, Any]]) -> str:
    """One line a way, of the cases that all ways did, as Markdown."""
    from agentlab.evaluation.intervals import mean_interval

    done = {way: {r["key"].rpartition("/")[2] for r in rows if r["way"] == way} for way in WAYS}
    shared = set.intersection(*done.values())
    lines = [
        f"{len(shared)} cases.",
        "",
        "| way | valid | share (95% interval) | returned, and not valid | calls | tokens |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for way in WAYS if shared else ():
        mine = [r for r in rows if r["way"] == way and r["key"].rpartition("/")[2] in shared]
        share = mean_interval([float(r["valid"]) for r in mine])
        lines.append(
            f"| {way} | {sum(r['valid'] for r in mine)} of {len(mine)} "
            f"| {share.mean:.2f} ({share.low:.2f} to {share.high:.2f}) "
            f"| {sum(r['returned'] and not r['valid'] for r in mine)} "
            f"| {sum(r['calls'] for r in mine) / len(mine):.2f} "
            f"| {sum(r['tokens'] for r in mine) / len(mine):.0f} |"
        )
    return "\n".join(lines)
