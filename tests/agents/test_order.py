"""The order in which a recording has an agent's calls: that in which they were made."""

from __future__ import annotations

from typing import Any

import pytest

from agentlab import create_agent
from agentlab.recording import cassette, load
from tests.agents.parts import acts, call, native, reading, text

FOUR = ("zeta", "mid", "alpha", "beta")  # by no other rule than that of the script


def made(path: Any) -> list[str]:
    return [step.target for step in load(path).steps if step.kind == "tool"]


@pytest.mark.parametrize("kind", ["native", "text"])
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_steps_keep_their_order(tmp_path: Any, kind: str, asynchronous: bool) -> None:
    if kind == "native":
        model: Any = native(*(call(name) for name in FOUR), "Done.")
    else:
        model = text(*(acts(name, "{}") for name in FOUR), "Thought: ok.\nFinal Answer: Done.")
    agent = create_agent(model, [reading("the same", name) for name in FOUR])
    with cassette(tmp_path / "run.jsonl", mode="all"):
        result = await agent.ainvoke("Go.") if asynchronous else agent.invoke("Go.")
    assert result["answer"] == "Done."
    steps = load(tmp_path / "run.jsonl").steps
    assert made(tmp_path / "run.jsonl") == list(FOUR)
    assert [step.kind for step in steps] == ["model", "tool"] * 4 + ["model"]
    assert not any(step.group for step in steps)


def test_calls_of_one_step_are_side_by_side(tmp_path: Any) -> None:
    both = {"tool_calls": [{"name": name, "args": {}} for name in ("zeta", "alpha")]}
    agent = create_agent(native(both, "Done."), [reading("r", n) for n in ("zeta", "alpha")])
    with cassette(tmp_path / "run.jsonl", mode="all"):
        agent.invoke("Go.")
    groups = [step.group for step in load(tmp_path / "run.jsonl").steps]
    assert groups == [0, 1, 1, 0]
