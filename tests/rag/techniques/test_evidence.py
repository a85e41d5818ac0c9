"""Queries that are alike, and such that only look so; what several searches find together."""

from __future__ import annotations

import pytest
from langchain_core.documents import Document

from agentlab.rag.techniques.evidence import different, fused

REVENUE = "What was the total yearly revenue of NVIDIA from data centres in fiscal year"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("price of plan A", "price of plan B"),
        ("GDP of the US in 2020", "GDP of the UK in 2020"),
        (f"{REVENUE} 2020?", f"{REVENUE} 2023?"),
        (REVENUE, REVENUE.replace("NVIDIA", "Intel")),
        ("Norra vans sold in the year in all by type", "Velt vans sold in the year in all by type"),
        (
            "the two makers of electric vans that sold most in the year",
            "the three makers of electric vans that sold most in the year",
        ),
    ],
)
def test_what_differs_in_a_name_or_number_is_another_query(one: str, other: str) -> None:
    assert different([one, other]) == [one, other]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do the pumps run at night?", "how do pumps RUN at night"),
        ("revenue of NVIDIA in 2020", "NVIDIA revenue 2020"),
        ("Who directed the film Gull?", "WHO DIRECTED THE FILM GULL"),
        ("Sales of 4,100 vans", "sales of 4100 vans"),
        (
            "How many electric vans did each of the makers in Halden sell in 2023?",
            "How many electric vans did each of the two makers in Halden sell in 2023?",
        ),
    ],
)
def test_what_is_said_otherwise_is_one_query(one: str, other: str) -> None:
    assert different([one, other]) == [one]


def test_the_first_of_a_short_list_is_not_behind_what_is_low_in_all() -> None:
    lists = [[f"{name}{place}" for place in range(9)] + ["low"] for name in "abc"]
    found = fused([[Document(key, id=key) for key in one] for one in lists], [1.0, 0.5, 0.5])
    assert [document.id for document in found[:4]] == ["a0", "a1", "a2", "b0"]
