"""How good retrieval and answers are, with intervals, and how far a measure agrees with people.

::

    judgements.py  qrels, runs and questions from files (TREC, BEIR)
    measures.py    precision, recall, map, mrr, ndcg of one ranking
    retrieval.py   a run, or a retriever, against judgements -> Report
    intervals.py   bootstrap intervals, paired comparison
    report.py      Report: values by measure and question
    demo.py        the demo corpus
"""

from __future__ import annotations

from agentlab.evaluation.demo import demo_documents, demo_folder, demo_qrels, demo_queries
from agentlab.evaluation.intervals import Comparison, Interval, compare, mean_interval
from agentlab.evaluation.judgements import Query, ranked, read_qrels, read_queries, read_run
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

__all__ = [
    "Collected",
    "Comparison",
    "Interval",
    "Measure",
    "Query",
    "Report",
    "average_precision",
    "collect",
    "compare",
    "demo_documents",
    "demo_folder",
    "demo_qrels",
    "demo_queries",
    "evaluate_run",
    "mean_interval",
    "ndcg",
    "parse_measure",
    "precision",
    "ranked",
    "read_qrels",
    "read_queries",
    "read_run",
    "recall",
    "reciprocal_rank",
]
