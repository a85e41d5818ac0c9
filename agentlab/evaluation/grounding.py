"""What an answer rests on: citations, faithfulness, and relevance to the question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentlab.evaluation.sentences import Statement, statements, without_marks
from agentlab.evaluation.support import Support, cosine

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings


@dataclass(frozen=True, slots=True)
class Cited:
    """A statement with the verdict: whether all it cites supports it, and which is of use."""

    statement: Statement
    supported: bool
    useful: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CitationScores:
    """``recall`` of statements, ``precision`` of citations, and the verdicts they come from."""

    recall: float
    precision: float
    verdicts: tuple[Cited, ...]

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        total = self.recall + self.precision
        return 2 * self.recall * self.precision / total if total else 0.0


def citation_scores(
    answer: str | Sequence[Statement],
    passages: Sequence[str],
    support: Support,
    *,
    threshold: float = 0.5,
    at_most: int | None = None,
) -> CitationScores:
    """Citation recall and precision, as ALCE defines them (Gao et al., EMNLP 2023).

    Recall is the share of statements that the passages they cite, put together, support; one that
    cites nothing, or a passage that is not there, is not supported. Precision is the share of
    citations that are of use: their statement is supported, and the passage supports it alone or
    the others do not without it. Citations of a statement with one out of range are not counted.
    An answer without statements or citations has 0.

    Args:
        answer: a text with marks such as [1], or its statements.
        passages: what the numbers mean, the first being 1.
        support: of (passage, statement), from 0 to 1.
        threshold: the least support that counts.
        at_most: of a statement's citations only the first so many count; ALCE's program has 3.
    """
    said = statements(answer) if isinstance(answer, str) else list(answer)

    def holds(numbers: Sequence[int], statement: Statement) -> bool:
        premise = "\n".join(passages[number - 1] for number in numbers)
        return support(premise, statement.text) >= threshold

    verdicts: list[Cited] = []
    citations = 0
    for statement in said:
        cited = tuple(dict.fromkeys(statement.citations))
        if not all(1 <= number <= len(passages) for number in cited):
            cited = ()
        cited = cited[:at_most]
        citations += len(cited)
        supported = bool(cited) and holds(cited, statement)
        useful: list[int] = []
        for number in cited if supported else ():
            others = [other for other in cited if other != number]
            if not others or holds([number], statement) or not holds(others, statement):
                useful.append(number)
        verdicts.append(Cited(statement, supported, tuple(useful)))
    return CitationScores(
        recall=sum(v.supported for v in verdicts) / len(verdicts) if verdicts else 0.0,
        precision=sum(len(v.useful) for v in verdicts) / citations if citations else 0.0,
        verdicts=tuple(verdicts),
    )


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """``score`` is the mean of the statements' support; ``statements`` has each with its own."""

    score: float
    statements: tuple[tuple[str, float], ...]


def faithfulness(answer: str, contexts: Sequence[str], support: Support) -> Faithfulness:
    """How far the contexts support the answer, sentence by sentence.

    After Ragas (Es et al. 2024), with sentences in place of claims that a model draws up, and a
    degree of support in place of yes or no: of each sentence the best that one context gives. An
    answer without sentences, and any answer without contexts, has 0.
    """
    found = tuple(
        (said.text, max((support(context, said.text) for context in contexts), default=0.0))
        for said in statements(answer)
    )
    score = sum(value for _, value in found) / len(found) if found else 0.0
    return Faithfulness(score, found)


def answer_relevance(question: str, answer: str, embeddings: Embeddings) -> float:
    """How near the answer is to the question: the cosine of their vectors, from 0 to 1.

    A stand-in without a model for the answer relevance of Ragas, which has questions made from the
    answer. Both sides are embedded as documents.
    """
    said = without_marks(answer)
    if not question.strip() or not said:
        return 0.0
    first, second = embeddings.embed_documents([question, said])
    return cosine(first, second)
