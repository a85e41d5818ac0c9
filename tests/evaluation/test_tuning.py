"""Turning on what gains for certain, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.runnables import Runnable, RunnableLambda

from agentlab.errors import EvaluationError
from agentlab.evaluation import Query, Stage, Tuned, read_judged, tune
from agentlab.evaluation.plot_tuning import draw_tuning, plot_tuning
from agentlab.evaluation.tuning import STAGES

COUNT = 40
QUERIES = {f"q{n}": Query(f"q{n}", f"question {n}") for n in range(COUNT)}
QRELS = {name: {f"d{name}": 1} for name in QUERIES}


def searching(chances: Mapping[str, float]) -> Any:
    """A search that finds the right document for so many of the questions, by its ``way``."""

    def make(options: Mapping[str, Any]) -> Runnable[str, list[Document]]:
        way = str(options.get("way", "dense"))
        luck = random.Random(way)

        def search(text: str) -> list[Document]:
            name = f"q{text.split()[-1]}"
            right = luck.random() < chances[way]
            return [Document("x", metadata={"id": f"d{name}" if right else "other"})]

        return RunnableLambda(search)

    return make


def stage(*ways: str, name: str = "stage", suggested: bool = False) -> Stage:
    return Stage(name, lambda now: {w: {**now, "way": w} for w in ways}, suggested)


def tuned(chances: Mapping[str, float], *stages: Stage) -> Tuned:
    return tune(searching({"dense": 0.5, **chances}), QUERIES, QRELS, stages=stages)


def test_a_gain_is_turned_on() -> None:
    found = tuned({"good": 0.95, "better": 1.0}, stage("good", "better"))
    assert found.options == {"mode": "dense", "way": "better"}
    (decision,) = found.decisions
    assert decision.on
    assert decision.held_out == pytest.approx(found.final.mean - found.start.mean)
    assert found.final.mean == 1.0


def test_what_chance_makes_look_good_is_not() -> None:
    """Twenty ways that are no better: the best of them looks better than dense search."""
    ways = {f"w{n}": 0.5 for n in range(20)}
    found = tuned(ways, stage(*ways))
    (decision,) = found.decisions
    assert decision.best.mean - found.start.mean > 0.1
    assert decision.held_out < decision.best.mean - found.start.mean
    assert not decision.on
    assert found.final is found.start


def test_stages_build_on_what_is_on() -> None:
    found = tuned(
        {"good": 0.9, "worse": 0.1},
        stage("worse", name="a"),
        stage("good", name="b"),
        stage("worse", name="c"),
    )
    assert [d.on for d in found.decisions] == [False, True, False]
    assert found.decisions[2].before is found.final
    assert found.level == pytest.approx(1 - 0.05 / 3)


def test_a_suggestion_is_not_turned_on() -> None:
    found = tuned({"good": 1.0}, stage("good", suggested=True))
    assert found.decisions[0].gains
    assert not found.decisions[0].on
    assert found.final is found.start


def test_of_equals_the_faster() -> None:
    found = tuned({"one": 1.0, "two": 1.0}, stage("one", "two"))
    seconds = {trial.name: trial.seconds for trial in found.decisions[0].trials}
    assert found.final.name == min(seconds, key=lambda name: seconds[name])


def test_progress() -> None:
    trials, counts = [], []
    tune(
        searching({"dense": 0.5, "x": 0.5}),
        QUERIES,
        QRELS,
        stages=[stage("x")],
        progress=lambda trial: trials.append(trial.name),
        asked=lambda done, total: counts.append((done, total)),
    )
    assert trials == ["dense", "x"]
    assert counts == [(n, COUNT) for _ in trials for n in range(1, COUNT + 1)]


def test_too_few_questions() -> None:
    few = dict(list(QRELS.items())[:9])
    with pytest.raises(EvaluationError, match="9 of the questions are judged"):
        tune(searching({"dense": 1}), QUERIES, few)


def test_the_stages_that_ship() -> None:
    keyword, rerank = (s.variants({"mode": "dense"}) for s in STAGES)
    assert keyword["alone"] == {"mode": "keyword"}
    assert keyword["scores 1:0.5"]["weights"] == (1.0, 0.5)
    assert rerank["20 deep, half"]["rerank_depth"] == 20


def test_pictures(tmp_path: Path) -> None:
    found = tuned({"good": 1.0, "bad": 0.2}, stage("good", "bad"))
    plot_tuning(found, tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    drawn = "\n".join(draw_tuning(found))
    assert drawn.count("*") == 1
    assert drawn.startswith("1.0000 |")
    assert {"a", "c"} <= set(drawn)


def test_own_questions(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(
        '{"question": "Who?", "relevant": ["a.md", "b.md"]}\n'
        '{"id": "x", "question": "What?", "relevant": {"c.md": 2, "d.md": 0}}\n'
        '{"question": "Where?", "relevant": "e.md"}\n'
    )
    queries, qrels = read_judged(path)
    assert queries["line 1"].text == "Who?"
    assert qrels == {
        "line 1": {"a.md": 1, "b.md": 1},
        "x": {"c.md": 2, "d.md": 0},
        "line 3": {"e.md": 1},
    }


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"relevant": ["a"]}', "line 1: expected the question's text"),
        ('{"question": "q", "relevant": []}', "line 1: expected documents"),
        ('{"question": "q", "relevant": {"a": 1.5}}', "line 1: expected documents"),
        ('{"question": "q"}', "line 1: expected documents"),
        ("", "holds no questions"),
    ],
)
def test_wrong_questions(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(EvaluationError, match=told):
        read_judged(path)


def test_a_folder_and_two_files(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="holds no judgements"):
        read_judged(tmp_path)
    (tmp_path / "qrels.txt").write_text("q1 0 a.md 1\n")
    with pytest.raises(EvaluationError, match="no questions beside"):
        read_judged(tmp_path / "qrels.txt")
    (tmp_path / "queries.jsonl").write_text('{"_id": "q1", "text": "Who?"}\n')
    assert read_judged(tmp_path) == read_judged(tmp_path / "qrels.txt")
    assert read_judged(tmp_path)[1] == {"q1": {"a.md": 1}}


def test_an_index_is_searched_in_other_ways(tmp_path: Path) -> None:
    from agentlab.evaluation.searches import Searches
    from agentlab.rag import Index
    from agentlab.rag.techniques import MultiQuery, Rewrite
    from tests.rag.conftest import WordEmbeddings

    (tmp_path / "a.md").write_text("The mill is old. The pump is new.")
    index = Index.from_files(tmp_path / "a.md", WordEmbeddings())
    searches = Searches(index, 3, model="smollm2")
    assert len(searches({"mode": "dense"}).invoke("mill")) == 1
    assert len(searches({"splitter": "sentences:1"}).invoke("mill")) == 2
    stage, _ = searches.splitter_stage({"q": {"a.md": 1}})
    assert stage is not None
    assert index.info["splitter"] not in stage.variants({})
    written = searches.rewriting_stage().variants({"mode": "dense"})
    kinds = [type(searches(options)) for options in written.values()]
    assert kinds == [Rewrite, MultiQuery, MultiQuery]

    named = next(iter(index.search("mill", k=1)))
    assert searches.splitter_stage({"q": {str(named.id): 1}})[1].startswith("the judgements name")
    (tmp_path / "a.md").unlink()
    assert "is not there" in searches.splitter_stage({"q": {"a.md": 1}})[1]
    assert "without files" in Searches(
        Index.from_texts(["x"], WordEmbeddings())
    ).splitter_stage({})[1]  # fmt: skip
