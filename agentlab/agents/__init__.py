"""Agents: a model that uses tools until it can answer.

::

    creating.py   create_agent: model, tools and limits put together
    agent.py      Agent, the Runnable: invoke, stream, resume
    loop.py       LangChain's agent graph, with the next two in it
    stepping.py   one step: the model asked within its limits, and made to answer at one
    calling.py    one tool call: checked, approved, made once
    asking.py     one model call, and asking again where the reply is no step
    failures.py   what a model of others raises
    native.py     steps by native tool calls
    text.py       steps in text (ReAct): rendering, and the calls read from it
    grammar.py    the grammar of a step, built from the live tools
    reading.py    text steps read while they come; naming.py what an action names,
                  arguments.py its arguments
    ids.py        ids of calls, made distinct
    views.py      what the model is shown; room.py shows less when the context is full
    limits.py     how far a run may go
    approval.py   asking a person
    journal.py    which calls of a durable run have ended
"""

from __future__ import annotations

from agentlab.agents.agent import Agent
from agentlab.agents.creating import create_agent
from agentlab.agents.limits import Limits

__all__ = ["Agent", "Limits", "create_agent"]
