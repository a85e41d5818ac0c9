"""Steps decoded under a grammar made of the live tools: never malformed, whatever the model."""

from __future__ import annotations

import json
from typing import Any, Literal

import jsonschema
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.tools import StructuredTool, tool

from agentlab import Limits, ToolPolicy, create_agent
from agentlab.agents import grammar as grammars
from agentlab.agents.grammar import arguments, step_grammar
from agentlab.agents.reading import StepReader
from agentlab.engine import compile_lark
from agentlab.models._arguments import bounded
from agentlab.tools import guard, load_tools
from tests.agents.parts import accepts, run


@tool(parse_docstring=True)
def book(
    city: str, nights: int, room: Literal["single", "double"], notes: list[str] | None = None
) -> str:
    """Book a hotel.

    Args:
        city: Where.
        nights: How many.
        room: Which kind.
        notes: What else.
    """
    return f"booked {city}"


TOOLS = [guard(book, ToolPolicy()), *load_tools("calculator", "now")]
ODD_SCHEMAS: list[dict[str, Any]] = [
    {"type": "object", "properties": {"a": {"type": "string", "format": "zork"}}},
    {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}},
    {"type": "object", "properties": {"a": {"not": {"type": "string"}}}, "required": ["a"]},
    {"type": "object", "properties": {"title": {"type": "string"}, "default": {"type": "integer"}}},
    {"type": "object", "properties": {"a": {"enum": ["x\n\"y\"", 1, None, {"title": "t"}]}}},
    {"type": "object", "properties": {"é": {"type": "string"}, "a b": {"type": "number"}}},
    {"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}},
    {"type": "object", "additionalProperties": {"type": "integer"}},
    {"type": "object", "properties": {}},
]  # fmt: skip


@pytest.mark.parametrize("schema", ODD_SCHEMAS)
def test_any_schema_makes_a_grammar(schema: dict[str, Any]) -> None:
    made = StructuredTool.from_function(
        lambda: "", name="odd-1", description="x", args_schema=schema
    )
    grammar = step_grammar([made])
    assert compile_lark(grammar).kind == "llguidance"
    assert "odd-1" in grammar
    assert "odd-1" not in step_grammar([made], final=True)


def test_texts_lists_and_objects_have_an_end() -> None:
    schema = bounded(arguments(TOOLS[0]))
    assert schema["additionalProperties"] is False
    assert schema["properties"]["city"]["maxLength"]
    assert schema["properties"]["notes"]["anyOf"][0]["maxItems"]
    assert schema["properties"]["room"]["enum"] == ["single", "double"]
    code = {"type": "string", "pattern": "^[A-Z]{3}$"}
    assert bounded(code) == code, "its own bound stays"


CALL = 'Action: calculator\nAction Input: {"expression": "3 * 12"}'


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        (f"Thought: So.\n{CALL}", True),
        (f"Thought: So.\n{CALL}\n", True),  # one token with the brace before it, to most models
        (f"Thought: So.\n{CALL}\n\n", True),
        (f"Thought: So.\n{CALL}\nObservation: 36", False),
        (f"Thought: So.\n\n1. **All:** first\n   - To be\nAction is needed.\n\n{CALL}", True),
        ("Thought: So.\nThe final answer is 3.\nFinal Answer: 3\n\nAnd so on.", True),
        ("Thought: So.\nAction: calculater", False),
        ("Thought: So.\n  **Observation:** 36\nFinal Answer: 3", False),
        ("Thought: So.\nquestion: what?\nFinal Answer: 3", False),
        ("Thought: \nFinal Answer: 3", False),
        ("Final Answer: 3", False),
    ],
)
def test_what_is_a_step(text: str, whole: bool) -> None:
    assert accepts(step_grammar(TOOLS), text) is whole


@pytest.mark.parametrize(
    ("expression", "whole"),
    [
        ("a_b = (3 + 4) * 2; sqrt(a_b) - 15% of max(2, 3)", True),
        ("-3 * (2 - -5)!", True),
        ("3 - 1" + " - 1" * 12, False),
        ("3 -", False),
        ("(3 + 4", False),
        ("a = 1; b = 2 = 3", False),
    ],
)
def test_the_pattern_of_a_policy_holds_for_local_models_only(expression: str, whole: bool) -> None:
    text = f"Thought: So.\n{CALL.replace('3 * 12', expression)}"
    assert accepts(step_grammar(TOOLS), text) is whole
    assert "pattern" not in arguments(TOOLS[1])["properties"]["expression"]


@pytest.mark.model
def test_no_step_of_a_hot_small_model_is_malformed(
    smollm2: BaseChatModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grammars, "_MOST_LINES", 2)  # else it thinks on to the end of its tokens
    monkeypatch.setattr(grammars, "_LONGEST_LINE", 60)
    grammar = step_grammar([*TOOLS[:2]])
    model = smollm2.model_copy(update={"temperature": 1.0, "max_tokens": 120})
    schemas = {t.name: bounded(arguments(t)) for t in TOOLS}
    for seed in range(10):
        reply = model.bind(lark=grammar, seed=seed).invoke("Book a hotel in Rome. What is 2 + 2?")
        if reply.response_metadata["finish_reason"] == "length":
            continue  # a long answer is no malformed step
        reader = StepReader(TOOLS)
        list(reader.take(reply.text))
        list(reader.end())
        step = reader.step()
        if not reader.began_to_act:
            assert step.thought  # the rest is asked apart
            continue
        assert not step.problem, reply.text
        if step.name:
            jsonschema.validate(step.args, schemas[step.name])
            assert json.dumps(step.args, ensure_ascii=False) in reply.text


@pytest.mark.model
def test_a_small_model_runs_to_its_end(smollm2: BaseChatModel) -> None:
    agent = create_agent(
        smollm2.model_copy(update={"max_tokens": 120}),
        ["calculator"],
        max_steps=1,
        limits=Limits(seconds=None),
    )
    result, _ = run(agent, "What is 2 + 2?")
    assert result["answer"]
    assert all(step["tool"] == "calculator" for step in result["steps"])
