"""Expectations: what stands under ``expect:`` in a scenario, compiled once, checked on runs.

::

    expectation = compile_expect({"contains": "8841", "not": {"regex": "sk-\\w+"}})
    check(expectation, run)            # [] or the failures

``text`` and ``data`` match values; the others look at the whole run: ``path`` (tool calls),
``memory``, ``retrieval``, ``budget``, ``streams``, ``meaning`` (models, embeddings), ``code``.
"""

from agentlab.scenarios.expectations.base import CheckContext, Expectation, ExpectationError
from agentlab.scenarios.expectations.compile import check, compile_expect
from agentlab.scenarios.expectations.editor import json_schema
from agentlab.scenarios.expectations.subjects import of_turn

__all__ = [
    "CheckContext",
    "Expectation",
    "ExpectationError",
    "check",
    "compile_expect",
    "json_schema",
    "of_turn",
]
