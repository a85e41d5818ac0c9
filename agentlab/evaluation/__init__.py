"""How good retrieval and answers are, with intervals, and how far a measure agrees with people.

::

    judgements.py  qrels, runs and questions from files (TREC, BEIR)
    measures.py    precision, recall, map, mrr, ndcg of one ranking
    retrieval.py   a run, or a retriever, against judgements -> Report
    intervals.py   bootstrap intervals, paired comparison
    report.py      Report: values by measure and question
    demo.py        the demo corpus
    judged.py      questions with their judgements, from a folder or a file
    tuning.py      which stages of a search gain for certain
    searches.py    an index as tuning searches it
    plot.py, plot_tuning.py   pictures

    samples.py     questions with answers, contexts and truths (Ragas)
    answers.py     samples -> Report
    matching.py    exact match, token F1
    sentences.py   an answer's sentences and what they cite
    grounding.py   citation recall and precision, faithfulness, relevance
    support.py     whether a passage supports a statement: words, embeddings
    judge.py       a model as judge, by prompts/judge/*.md
    verdicts.py    a model's decision between a few words, with its probability
    agreement.py   how far a measure agrees with people
"""

from __future__ import annotations

from agentlab.evaluation.agreement import Agreement, agreement, auc
from agentlab.evaluation.answers import evaluate_answers
from agentlab.evaluation.demo import demo_documents, demo_folder, demo_qrels, demo_queries
from agentlab.evaluation.grounding import (
    CitationScores,
    Faithfulness,
    answer_relevance,
    citation_scores,
    faithfulness,
)
from agentlab.evaluation.intervals import Comparison, Interval, compare, mean_interval
from agentlab.evaluation.judge import Judge, expected_mark
from agentlab.evaluation.judged import read_judged
from agentlab.evaluation.judgements import Query, ranked, read_qrels, read_queries, read_run
from agentlab.evaluation.matching import exact_match, normalise, token_f1
from agentlab.evaluation.measures import (
    Measure,
    average_precision,
    ndcg,
    parse_measure,
    precision,
    recall,
    reciprocal_rank,
)
from agentlab.evaluation.report import Report
from agentlab.evaluation.retrieval import Collected, collect, evaluate_run
from agentlab.evaluation.samples import Sample, read_samples
from agentlab.evaluation.sentences import Statement, statements
from agentlab.evaluation.support import (
    CosineSupport,
    Support,
    word_and_number_overlap,
    word_overlap,
)
from agentlab.evaluation.tuning import Decision, Stage, Trial, Tuned, tune
from agentlab.models.verdicts import Verdict, decide

__all__ = [
    "Agreement",
    "CitationScores",
    "Collected",
    "Comparison",
    "CosineSupport",
    "Decision",
    "Faithfulness",
    "Interval",
    "Judge",
    "Measure",
    "Query",
    "Report",
    "Sample",
    "Stage",
    "Statement",
    "Support",
    "Trial",
    "Tuned",
    "Verdict",
    "agreement",
    "answer_relevance",
    "auc",
    "average_precision",
    "citation_scores",
    "collect",
    "compare",
    "decide",
    "demo_documents",
    "demo_folder",
    "demo_qrels",
    "demo_queries",
    "evaluate_answers",
    "evaluate_run",
    "exact_match",
    "expected_mark",
    "faithfulness",
    "mean_interval",
    "ndcg",
    "normalise",
    "parse_measure",
    "precision",
    "ranked",
    "read_judged",
    "read_qrels",
    "read_queries",
    "read_run",
    "read_samples",
    "recall",
    "reciprocal_rank",
    "statements",
    "token_f1",
    "tune",
    "word_and_number_overlap",
    "word_overlap",
]
