"""The memory of an agent: what it prepares for the next run."""

from __future__ import annotations

from typing import Any

import pytest

from agentlab import create_agent, handling
from agentlab.events import Warned
from agentlab.memory import SummaryMemory
from tests.agents.parts import Spy, native, of, run


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_an_agent_has_its_memory_sum_up(asynchronous: bool) -> None:
    memory = SummaryMemory(native("He said go.", {"error": "no more"}))
    agent = create_agent(native("Done.", "Done.", "Done."), [], memory=memory)
    first = await agent.ainvoke("Go.") if asynchronous else agent.invoke("Go.")
    memory.settle()
    assert memory.summary(first["messages"]) == "He said go."
    with handling(spy := Spy()):
        second, _ = run(agent, {"input": "Go.", "history": first["messages"]})
        memory.settle()
    assert "Summary of the conversation so far:\nHe said go." in spy.texts()
    longer: list[Any] = [*first["messages"], *second["messages"]]
    warned = of(Warned, run(agent, {"input": "Go.", "history": longer})[1])
    assert "could not be summarised" in warned[0].message
