"""Measures of a ranking, against trec_eval's own code (pytrec_eval)."""

from __future__ import annotations

import pytest
import pytrec_eval
from hypothesis import example, given
from hypothesis import strategies as st

from agentlab.errors import EvaluationError
from agentlab.evaluation import (
    average_precision,
    evaluate_run,
    ndcg,
    parse_measure,
    precision,
    recall,
    reciprocal_rank,
)

# Ours -> trec_eval's
NAMES = {
    "precision@1": "P_1",
    "precision@5": "P_5",
    "recall@5": "recall_5",
    "recall@10": "recall_10",
    "map": "map",
    "map@5": "map_cut_5",
    "mrr": "recip_rank",
    "ndcg": "ndcg",
    "ndcg@5": "ndcg_cut_5",
    "ndcg@10": "ndcg_cut_10",
}
ORACLE = {"P.1,5", "recall.5,10", "map", "map_cut.5", "recip_rank", "ndcg", "ndcg_cut.5,10"}

documents = st.sampled_from([f"d{n}" for n in range(14)])
queries = st.sampled_from(["q1", "q2", "q3"])
judgements = st.dictionaries(
    queries, st.dictionaries(documents, st.integers(-2, 3), min_size=1), min_size=1
)
scores = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e3, 1e3, allow_nan=False))
runs = st.dictionaries(queries, st.dictionaries(documents, scores, min_size=1), min_size=1)


@given(run=runs, qrels=judgements)
@example(run={"q1": {"a": 1.0, "b": 1.0 + 1e-9}}, qrels={"q1": {"a": 1}})  # equal in 32 bits
def test_equal_to_trec_eval(
    run: dict[str, dict[str, float]], qrels: dict[str, dict[str, int]]
) -> None:
    if not run.keys() & qrels.keys():
        with pytest.raises(EvaluationError, match="no question of the run is in the judgements"):
            evaluate_run(run, qrels)
        return
    # A negative grade is not relevant, as 0 is; pytrec_eval 0.5.11 writes beyond its memory on one.
    safe = {query: {d: max(g, 0) for d, g in judged.items()} for query, judged in qrels.items()}
    expected = pytrec_eval.RelevanceEvaluator(safe, ORACLE).evaluate(run)
    report = evaluate_run(run, qrels, NAMES)
    for ours, theirs in NAMES.items():
        assert report.values[ours].keys() == qrels.keys()
        for query, value in report.values[ours].items():
            wanted = expected[query][theirs] if query in expected else 0.0
            assert value == pytest.approx(wanted, abs=1e-4), (ours, query)


@given(ranking=st.lists(documents, max_size=30), judged=st.dictionaries(documents, st.integers()))
def test_never_outside_0_and_1_whatever_comes_twice(
    ranking: list[str], judged: dict[str, int]
) -> None:
    for name in NAMES:
        measure = parse_measure(name)
        value = measure(ranking, judged)
        assert 0 <= value <= 1
        assert value == measure(list(dict.fromkeys(ranking)), judged)


def test_by_hand() -> None:
    judged = {"a": 1, "b": 1, "c": 0, "d": -1, "never": 1}
    ranking = ["c", "a", "d", "b", "unjudged"]
    assert precision(ranking, judged, 4) == 0.5
    assert precision(["a"], judged, 4) == 0.25  # places left empty hold nothing
    assert recall(ranking, judged, 4) == pytest.approx(2 / 3)
    assert average_precision(ranking, judged) == pytest.approx((1 / 2 + 2 / 4) / 3)
    assert reciprocal_rank(ranking, judged) == 0.5
    assert reciprocal_rank(ranking, judged, 1) == 0
    assert ndcg(["a"], {"a": 3}) == 1
    assert ndcg(["b", "a"], {"a": 3, "b": 1}) == pytest.approx(
        (1 + 3 / 1.58496) / (3 + 1 / 1.58496)
    )


def test_without_anything_relevant() -> None:
    for name in NAMES:
        assert parse_measure(name)(["a"], {"a": 0, "b": -1}) == 0


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ngcd@10", "there is no measure 'ngcd@10'"),
        ("ndcg@0", "not a whole number above 0"),
        ("ndcg@", "not a whole number above 0"),
        ("ndcg@²", "not a whole number above 0"),
        ("precision", "precision needs a depth"),
    ],
)
def test_wrong_measures(name: str, told: str) -> None:
    with pytest.raises(EvaluationError, match=told):
        parse_measure(name)


def test_names() -> None:
    assert str(parse_measure(" nDCG@10 ")) == "ndcg@10"
    assert str(parse_measure("MAP")) == "map"
    with pytest.raises(EvaluationError) as error:
        parse_measure("ngcd")
    assert error.value.hint == "did you mean 'ndcg'?"
