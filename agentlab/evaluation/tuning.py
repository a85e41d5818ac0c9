"""Which stages of a search pay on your own questions.

A stage (keyword search, reranking, …) has several variants. One is turned on where it gains for
certain: its p, which :func:`agentlab.evaluation.intervals.gains_of` corrects for the number of
variants, is below 5% divided by the number of stages (Bonferroni, in Dunn 1961), and the gain holds
in cross-validation (Stone 1974), where each question is measured with the variant that was best on
the others. So neither the number of variants nor that of stages makes chance look like a gain.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agentlab.errors import EvaluationError
from agentlab.evaluation.intervals import gains_of
from agentlab.evaluation.measures import parse_measure
from agentlab.evaluation.retrieval import collect, evaluate_run

if TYPE_CHECKING:
    from langchain_core.documents import Document
    from langchain_core.runnables import Runnable

    from agentlab.evaluation.judgements import Qrels, Query
    from agentlab.evaluation.report import Report

Options = Mapping[str, Any]
Retriever = "Runnable[str, list[Document]]"
LEAST = 10  # questions, with fewer of which nothing can be shown
_FOLDS = 10
_LEVEL = 0.95


@dataclass(frozen=True)
class Stage:
    """Something that may be turned on: ``variants`` says how, given the options in force.

    ``suggested`` stages cannot be turned on by options alone: they are only told.
    """

    name: str
    variants: Callable[[Options], Mapping[str, Options]]
    suggested: bool = False


@dataclass(frozen=True)
class Trial:
    """One way to search, measured. ``seconds`` is the median a question."""

    stage: str
    name: str
    options: Options
    report: Report = field(repr=False)
    measure: str
    seconds: float

    @property
    def values(self) -> Mapping[str, float]:
        """The measure, by question."""
        return self.report.values[self.measure]

    @property
    def mean(self) -> float:
        """The measure's mean."""
        return self.report.mean(self.measure)


@dataclass(frozen=True)
class Decision:
    """Whether a stage is on.

    ``best`` is the variant with the best mean of those that gain, or of all. ``p`` is the
    probability that chance lets any of the variants look so good. ``held_out`` is the mean gain
    over what was in force before, with the variant that was best on other questions.
    """

    stage: Stage
    trials: tuple[Trial, ...]
    before: Trial
    best: Trial
    p: float
    level: float
    held_out: float

    @property
    def gains(self) -> bool:
        """Whether it gains for certain."""
        return self.p < 1 - self.level and self.held_out > 0

    @property
    def on(self) -> bool:
        """Whether it is in force from here on."""
        return self.gains and not self.stage.suggested


@dataclass(frozen=True)
class Tuned:
    """What was tried, and the options that are best."""

    start: Trial
    decisions: tuple[Decision, ...]
    final: Trial
    level: float

    @property
    def options(self) -> Options:
        """The options in force at the end."""
        return self.final.options

    @property
    def trials(self) -> list[Trial]:
        """All that was tried, in order."""
        return [self.start, *(t for d in self.decisions for t in d.trials)]


def keyword_stage(now: Options) -> Mapping[str, Options]:
    """Words in place of meaning, or both, fused by ranks or by scores at different weights."""
    kept = {k: v for k, v in now.items() if k not in ("mode", "weights", "fusion")}
    fused = {
        f"{fusion} 1:{weight:g}": {
            **kept,
            "mode": "hybrid",
            "fusion": fusion,
            "weights": (1.0, weight),
        }
        for fusion in ("ranks", "scores")
        for weight in (0.25, 0.5, 1.0)
    }
    return {"alone": {**kept, "mode": "keyword"}, **fused}


def rerank_stage(reranker: str = "minilm", depths: Iterable[int] = (10, 20)) -> Stage:
    """A reranker, which decides the order by half or alone."""

    def variants(now: Options) -> Mapping[str, Options]:
        return {
            f"{depth} deep, {'half' if weight < 1 else 'alone'}": {
                **now,
                "rerank": reranker,
                "rerank_depth": depth,
                "rerank_weight": weight,
            }
            for depth in depths
            for weight in (0.5, 1.0)
        }

    return Stage("rerank", variants)


STAGES = (Stage("keyword", keyword_stage), rerank_stage())


def tune(
    retriever: Callable[[Options], Runnable[str, list[Document]]],
    queries: Mapping[str, Query],
    qrels: Qrels,
    *,
    measure: str = "ndcg@10",
    stages: Sequence[Stage] = STAGES,
    progress: Callable[[Trial], None] | None = None,
    asked: Callable[[int, int], None] | None = None,
) -> Tuned:
    """Try ``stages`` one after the other, from dense search on; keep those that gain for certain.

    Args:
        retriever: makes what searches with these options, such as
            ``lambda options: index.as_retriever(k=10, **options)``.
        queries: the questions by id. Ten at least must be judged.
        qrels: the judgements.
        measure: what to be good at.
        stages: what to try, in order; each adds to what is on by then.
        progress: told of each trial when it is done.
        asked: told while a trial runs: how many questions are answered, of how many.

    Raises:
        EvaluationError: too few questions are judged, or an unknown measure.
    """
    name = str(parse_measure(measure))
    judged = {q: qrels[q] for q in queries if q in qrels}
    if len(judged) < LEAST:
        raise EvaluationError(
            f"{len(judged)} of the questions are judged, which cannot show anything",
            hint=f"{LEAST} are the least; some 50 show what is worth having",
        )

    def run(stage: str, label: str, options: Options) -> Trial:
        found = collect(retriever(options), queries, judged, asked)
        report = evaluate_run(found.run, judged, [name])
        trial = Trial(stage, label, options, report, name, found.seconds_per_question)
        if progress is not None:
            progress(trial)
        return trial

    level = 1 - (1 - _LEVEL) / max(len(stages), 1)
    start = now = run("start", "dense", {"mode": "dense"})
    decisions: list[Decision] = []
    for stage in stages:
        tried = [run(stage.name, label, o) for label, o in stage.variants(now.options).items()]
        if not tried:
            continue
        decision = decide_stage(stage, now, tried, level)
        decisions.append(decision)
        if decision.on:
            now = decision.best
    return Tuned(start, tuple(decisions), now, level)


def decide_stage(stage: Stage, before: Trial, tried: Sequence[Trial], level: float) -> Decision:
    """Whether the variants ``tried`` of ``stage`` gain over ``before``; see the module."""
    chances = gains_of(before.values, [trial.values for trial in tried])
    certain = [t for t, p in zip(tried, chances, strict=True) if p < 1 - level]
    best = _best(certain or tried, before.values)
    gains = []
    for fold in _folds(before.values):
        others = [q for q in before.values if q not in fold]
        # What is in force may be best there: then there is nothing to gain.
        chosen = _best([before, *tried], others)
        gains += [chosen.values[q] - before.values[q] for q in fold]
    p = dict(zip(map(id, tried), chances, strict=True))[id(best)]
    return Decision(stage, tuple(tried), before, best, p, level, statistics.fmean(gains))


def _best(trials: Sequence[Trial], questions: Iterable[str]) -> Trial:
    """The best on ``questions``; of equals the faster."""
    asked = list(questions)

    def key(trial: Trial) -> tuple[float, float]:
        return round(statistics.fmean(trial.values[q] for q in asked), 9), -trial.seconds

    return max(trials, key=key)


def _folds(questions: Iterable[str]) -> Iterator[set[str]]:
    """Ten parts of the questions, at random and always the same."""
    names = sorted(questions)
    random.Random(0).shuffle(names)  # noqa: S311 - no secret
    for number in range(min(_FOLDS, len(names))):
        yield set(names[number :: min(_FOLDS, len(names))])
