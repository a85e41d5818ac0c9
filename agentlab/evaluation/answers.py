"""Samples measured: each measure for the samples that have what it needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from agentlab.evaluation.grounding import answer_relevance, citation_scores, faithfulness
from agentlab.evaluation.judge import Judge, expected_mark
from agentlab.evaluation.matching import exact_match, token_f1
from agentlab.evaluation.report import Report
from agentlab.evaluation.samples import Sample
from agentlab.evaluation.sentences import statements, without_marks
from agentlab.evaluation.support import CosineSupport, Support, word_overlap

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings


# Measured by bench/judges.py on ExpertQA; see bench/RESULTS.md. Other embeddings and judges are not
# the same.
_AGREEMENT = {
    "faithfulness_words": "770 claims: AUC 0.59 (0.53 to 0.65)",
    "faithfulness_embeddings": "770 claims: AUC 0.65 (0.59 to 0.70), bge-small, whole passages",
    "faithfulness_judge": "40 claims: AUC 0.66 (0.45 to 0.86), a judge of 1.5B",
    "relevance_judge": "40 answers' usefulness: AUC 0.73 (0.51 to 0.91), a judge of 1.5B",
    "relevance_embeddings": "303 answers' usefulness: AUC 0.45 (0.36 to 0.54), bge-small",
}


def evaluate_answers(
    samples: Sequence[Sample],
    *,
    embeddings: Embeddings | None = None,
    judge: Judge | None = None,
    support: Support | None = None,
    threshold: float = 0.5,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Measure answers by all that can be measured with what is given.

    ``exact_match`` and ``f1`` where there are truths; ``faithfulness`` where there are contexts;
    ``citation_recall`` and ``citation_precision`` where an answer also cites; each by the name of
    what decided (``faithfulness_words``, ``_embeddings``, ``_judge``); ``relevance`` by embeddings
    and judge; ``fluency`` and ``utility`` by the judge, whose marks are brought to 0 to 1.

    Args:
        samples: at least one.
        embeddings: any LangChain embeddings.
        judge: a model as judge; many calls.
        support: whether a passage supports a statement, for the citations; by default the judge's
            probability, else :func:`~agentlab.evaluation.support.word_overlap`.
        threshold: the least support that counts for a citation.
        progress: called after each sample with how many are done, of how many.
    """
    cosines = CosineSupport(embeddings) if embeddings is not None else None
    deciding = support or (judge.supports if judge is not None else word_overlap)
    ids = Counter(sample.id for sample in samples)
    values: dict[str, dict[str, float]] = {}
    for number, sample in enumerate(samples, 1):
        name = sample.id if ids[sample.id] == 1 else str(number)
        measured = [
            *_without_model(sample),
            *_cited(sample, deciding, threshold),
            *(_embedded(sample, embeddings, cosines) if embeddings and cosines else ()),
            *(_judged(sample, judge) if judge is not None else ()),
        ]
        for measure, value in measured:
            values.setdefault(measure, {})[name] = value
        if progress is not None:
            progress(number, len(samples))
    return Report(values, tuple(_notes(values, len(samples))))


def _notes(values: dict[str, dict[str, float]], count: int) -> Iterator[str]:
    for measure, found in values.items():
        if len(found) < count:
            yield f"{measure} is of {len(found)} of {count} answers: the others lack what it needs"
    for measure, known in _AGREEMENT.items():
        if measure in values:
            yield f"{measure} against experts' labels of {known}; 0.5 is chance"


def _without_model(sample: Sample) -> Iterator[tuple[str, float]]:
    if sample.truths:
        answer = without_marks(sample.answer)
        yield "exact_match", exact_match(answer, sample.truths)
        yield "f1", token_f1(answer, sample.truths)
    if sample.contexts:
        found = faithfulness(sample.answer, sample.contexts, word_overlap)
        yield "faithfulness_words", found.score


def _cited(sample: Sample, support: Support, threshold: float) -> Iterator[tuple[str, float]]:
    said = statements(sample.answer)
    if sample.contexts and any(statement.citations for statement in said):
        found = citation_scores(said, sample.contexts, support, threshold=threshold)
        yield "citation_recall", found.recall
        yield "citation_precision", found.precision


def _embedded(
    sample: Sample, embeddings: Embeddings, support: CosineSupport
) -> Iterator[tuple[str, float]]:
    if sample.contexts:
        found = faithfulness(sample.answer, sample.contexts, support)
        yield "faithfulness_embeddings", found.score
    yield "relevance_embeddings", answer_relevance(sample.question, sample.answer, embeddings)


def _judged(sample: Sample, judge: Judge) -> Iterator[tuple[str, float]]:
    if sample.contexts:
        found = faithfulness(sample.answer, sample.contexts, judge.supports)
        yield "faithfulness_judge", found.score
    yield "relevance_judge", judge.relevance(sample.question, sample.answer).share("yes")
    yield "fluency", expected_mark(judge.fluency(sample.answer))
    yield "utility", expected_mark(judge.utility(sample.question, sample.answer))
