"""How far the measures of answers agree with experts, on ExpertQA (Malaviya et al. 2024).

    python -m bench.judges --data FOLDER [--embeddings bge-small] [--model SPEC --items N]

The folder holds ``claims_with_passages*.jsonl`` and ``answers.jsonl``. A claim is good when experts
said that its evidence supports it completely, bad when in part or not at all; an answer is good
when they called it useful. The table gives the AUC (0.5 is chance) with a 95% interval, drawn
by answers, since claims of one answer go together, and the threshold that parts best.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentlab.evaluation import (
    CosineSupport,
    Judge,
    Support,
    agreement,
    answer_relevance,
    expected_mark,
    word_and_number_overlap,
    word_overlap,
)
from agentlab.evaluation.sentences import without_marks


@dataclass(frozen=True)
class Claim:
    """A sentence of an answer with its evidence, and whether experts found it supported."""

    answer: str
    text: str
    evidence: Sequence[str]
    good: bool


@dataclass(frozen=True)
class Answer:
    """A question with its answer, and whether experts found it useful."""

    id: str
    question: str
    text: str
    good: bool


def claims(folder: Path) -> list[Claim]:
    """The claims that experts decided on."""
    (path,) = folder.glob("claims_with_passages*.jsonl")
    return [
        Claim(
            row["answer_id"],
            without_marks(row["claim"]),
            [passage.partition("\n\n")[2] or passage for passage in row["evidence"]],
            row["support"] == "Complete",
        )
        for row in map(json.loads, path.read_text().splitlines())
        if row["support"] in ("Complete", "Partial", "Incomplete")
    ]


def answers(folder: Path) -> list[Answer]:
    """The answers with their use."""
    rows = map(json.loads, (folder / "answers.jsonl").read_text().splitlines())
    return [
        Answer(row["answer_id"], row["question"], row["answer"], row["usefulness"] == "Useful")
        for row in rows
    ]


def measured(
    name: str, items: Sequence[Any], score: Callable[[Any], float], group: Callable[[Any], str]
) -> str:
    """One line of the table."""
    began = time.perf_counter()
    scores = [score(item) for item in items]
    seconds = (time.perf_counter() - began) / len(items)
    found = agreement(scores, [item.good for item in items], [group(item) for item in items])
    good = sum(item.good for item in items)
    return (
        f"| {name} | {len(items)} ({good} good) | {found.auc:.3f} ({found.low:.3f} to "
        f"{found.high:.3f}) | {found.threshold:.2f} | {1000 * seconds:.2f} |"
    )


def supported(support: Support) -> Callable[[Claim], float]:
    """The best support that one passage of the evidence gives."""
    return lambda claim: max(support(passage, claim.text) for passage in claim.evidence)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.judges")
    parser.add_argument("--data", type=Path, required=True, help="the folder of ExpertQA")
    parser.add_argument("--embeddings", help="also by these, such as bge-small")
    parser.add_argument("--model", help="also by this judge, such as smollm2 or gguf:PATH")
    parser.add_argument("--items", type=int, default=100, help="of which the judge sees (100)")
    options = parser.parse_args()
    said, asked = claims(options.data), answers(options.data)

    def of_claims(name: str, support: Support, items: Sequence[Claim] = said) -> None:
        print(measured(name, items, supported(support), lambda c: c.answer), flush=True)

    def of_answers(
        name: str, score: Callable[[Answer], float], items: Sequence[Answer] = asked
    ) -> None:
        print(measured(name, items, score, lambda a: a.id), flush=True)

    print("| measure | items | AUC (95% interval) | best threshold | ms an item |")
    print("| --- | ---: | ---: | ---: | ---: |")
    of_claims("support: words", word_overlap)
    of_claims("support: words and numbers", word_and_number_overlap)
    if options.embeddings:
        from agentlab.models.embeddings import load_embeddings

        embeddings = load_embeddings(options.embeddings)
        name = options.embeddings
        of_claims(f"support: {name}, passage whole", CosineSupport(embeddings, window=0))
        of_answers(
            f"usefulness: relevance by {name}",
            lambda a: answer_relevance(a.question, a.text, embeddings),
        )
    if options.model:
        from agentlab.models import load_model

        judge = Judge(load_model(options.model))
        generator = random.Random(0)
        some = generator.sample(said, min(options.items, len(said)))
        few = generator.sample(asked, min(options.items, len(asked)))
        of_claims("support: words, same items", word_overlap, some)
        of_claims(f"support: judge {options.model}", judge.supports, some)
        of_answers(
            f"usefulness: relevance by judge {options.model}",
            lambda a: judge.relevance(a.question, a.text).share("yes"),
            few,
        )
        of_answers(
            f"usefulness: utility by judge {options.model}",
            lambda a: expected_mark(judge.utility(a.question, a.text)),
            few,
        )
        of_answers(
            f"usefulness: fluency by judge {options.model}",
            lambda a: expected_mark(judge.fluency(a.text)),
            few,
        )


if __name__ == "__main__":
    main()
