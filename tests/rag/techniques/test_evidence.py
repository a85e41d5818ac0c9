"""Queries that are alike, and such that only look so."""

from __future__ import annotations

import pytest

from agentlab.rag.techniques.evidence import different

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
