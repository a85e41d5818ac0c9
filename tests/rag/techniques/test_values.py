"""Options with wrong values are told as such."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agentlab.errors import ConfigError
from agentlab.rag import create_rag
from agentlab.rag.techniques import agentic, links, multi_hop, multi_query
from tests.rag.techniques.parts import Words, saying

NAN = float("nan")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda m, w: multi_query(m, w, weight="high"), "weight must be"),
        (lambda m, w: multi_query(m, w, weight=NAN), "weight must be"),
        (lambda m, w: multi_query(m, w, k=-1), "k must be"),
        (lambda m, w: multi_query(m, w, "three"), "n must be"),
        (lambda m, w: agentic(m, w, k=-1), "k must be"),
        (lambda m, w: multi_hop(m, w, budget=3), "a budget must be"),
        (lambda m, w: links(w, read="all"), "read must be"),
        (lambda m, w: create_rag(m, w, min_support="high"), "min_support must be"),
        (lambda m, w: create_rag(m, w, min_score="high"), "min_score must be"),
        (lambda m, w: create_rag(m, w, not_found=None), "not_found must be"),
        (lambda m, w: create_rag(m, w, 3), "prompt must be"),
        (lambda m, w: create_rag(m, w, short="yes"), "short must be"),
        (lambda m, w: create_rag(m, w, reranker=3), "reranker must be"),
    ],
)
def test_wrong_values(make: Callable[[Any, Any], Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        make(saying(), Words())
