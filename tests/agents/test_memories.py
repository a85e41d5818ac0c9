"""The memory of an agent: what it prepares for the next run."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from agentlab import create_agent, handling
from agentlab.events import Warned
from agentlab.memory import SummaryBufferMemory, SummaryMemory
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


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_in_a_new_process_a_thread_is_summed_up_before_it_goes_on(asynchronous: bool) -> None:
    saver = InMemorySaver()
    config: Any = {"configurable": {"thread_id": "a"}}
    first = create_agent(native("One.", "Two.", "Three."), [], checkpointer=saver)
    for question in ("A?", "B?", "C?"):
        first.invoke(question, config)
    memory = SummaryBufferMemory(native("The first two letters were told."), keep_turns=1)
    again = create_agent(native("Four.", "Five."), [], memory=memory, checkpointer=saver)
    if asynchronous:
        await again.ainvoke("D?", config)
        memory.settle()
    with handling(spy := Spy()):
        again.invoke("E?", config)
    assert "The first two letters were told." in spy.shown[-1][0].text
    assert "A?" not in spy.texts()
    assert "C?" in spy.texts()
