"""Budgets of techniques that stand in others."""

from __future__ import annotations

import pytest

from agentlab.errors import ConfigError
from agentlab.events import Usage
from agentlab.rag import create_rag
from agentlab.rag.techniques import Budget, multi_hop, multi_query, rewrite
from agentlab.rag.techniques.budget import Spent, budget_of
from tests.rag.techniques.parts import Words, saying

NAMES = ["pump", "leave employee", "town north", "sales million", "night", "born", "Gull", "Arle"]
LONG = "I have a boat. My boat has a film. Which town is it in?"


def hops(*first: object, budget: Budget, fan_out: int = 1) -> object:
    told = [{"fact": "", "queries": [name]} for name in NAMES]
    return multi_hop(saying(*first, *told), Words(), 20, budget, fan_out=fan_out, links=0).retriever


def test_an_inner_budget_bounds_its_technique() -> None:
    search = rewrite(saying({"query": ""}), hops(budget=Budget(model_calls=2)))
    (usage,) = [event for event in search.stream(LONG) if isinstance(event, Usage)]
    assert usage.model_calls == 3


def test_a_larger_one_is_not_cut_by_the_default() -> None:
    search = rewrite(saying({"query": ""}), hops(budget=Budget(model_calls=20, searches=99)))
    search.steps  # noqa: B018
    assert search._allowed() == Budget(model_calls=20, searches=99)


def test_an_outer_budget_bounds_them_all() -> None:
    words = Words()
    told = [{"fact": "", "queries": [name]} for name in NAMES]
    inner = multi_hop(saying(*told), words, 20, Budget(searches=9), links=0).retriever
    search = multi_query(saying({"queries": ["paid leave"]}), inner)
    search.budget = Budget(searches=3)
    search.invoke("When does the pump run?")
    assert len(words.asked) == 3


def test_a_budget_in_a_list_of_techniques() -> None:
    budget = {"model_calls": 1}
    rag = create_rag(
        saying({"fact": "", "queries": ["pump"]}, {"say": "no"}),
        Words(),
        techniques=[{"multi-hop": {"budget": budget, "links": 0}}],
    )
    assert "the budget is spent" in str(rag.retriever.search("Which town?").plan)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"calls": 2}, "no bound 'calls'"),
        (3, "must be a Budget or a mapping"),
        ({"searches": "many"}, "searches of a budget must be"),
    ],
)
def test_wrong_budgets_are_told(given: object, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        budget_of(given)  # type: ignore[arg-type]


def test_what_a_part_spends_counts_in_the_whole() -> None:
    from agentlab.chains.usage import UsageCounter

    whole = Spent(Budget(model_calls=2, searches=2), UsageCounter())
    part = whole.within(Budget(model_calls=1))
    assert [part.ask(), part.ask(), whole.ask(), whole.ask()] == [True, False, True, False]
    assert [part.search(), part.search(), part.search()] == [True, True, False]
    assert part.is_searched_out
