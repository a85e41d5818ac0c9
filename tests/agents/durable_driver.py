"""A durable run in a process of its own, which is killed in the middle.

Arguments: the folder, ``start`` or ``resume``, and at which point it kills itself: before, within
or after the second tool call, or ``never``.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

from langchain_core.tools import tool
from langgraph.checkpoint.sqlite import SqliteSaver

from agentlab import ToolPolicy, create_agent
from agentlab.agents.journal import Journal
from agentlab.models.scripted import ScriptedChatModel
from agentlab.tools import guard


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(folder: Path, what: str, where: str) -> None:
    log = folder / "log"

    def write(line: str) -> None:
        with log.open("a") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    @tool
    def pay(amount: int) -> str:
        """Pay an amount."""
        write(f"begin {amount}")
        if amount == 2 and where == "within":
            die()
        write(f"paid {amount}")
        return f"paid {amount}"

    real_end = Journal.end

    def end(self: Journal, call: Any, result: Any) -> None:
        if call["args"]["amount"] == 2 and where == "before its end is kept":
            die()
        real_end(self, call, result)
        if call["args"]["amount"] == 2 and where == "after":
            die()  # LangGraph has not been told of the result

    Journal.end = end  # type: ignore[method-assign]

    def pays(*amounts: int) -> dict[str, Any]:
        return {
            "tool_calls": [{"name": "pay", "args": {"amount": a}, "id": f"p{a}"} for a in amounts]
        }

    # What a reply is to, not how many came before it, as a new process begins anew.
    model = ScriptedChatModel(
        replies=[
            {"when": {"contains": "paid 3"}, "say": "All paid."},
            {"when": {"contains": "nobody knows"}, "say": "Unsure."},
            {"when": {"contains": "paid 2"}, **pays(3)},
            {"when": {"contains": "paid 1"}, **pays(2)},
            pays(1),
        ]
    )
    asked = []

    def approve(call: Any) -> bool:
        asked.append(call["args"]["amount"])
        return True

    with sqlite3.connect(folder / "runs.db", check_same_thread=False) as connection:
        agent = create_agent(
            model,
            [guard(pay, ToolPolicy(side_effects=True, untrusted=False))],
            checkpointer=SqliteSaver(connection),
            approve=approve if where.startswith("asked") else None,
        )
        if what == "start":
            result = agent.invoke("Pay.", {"configurable": {"thread_id": "t"}})
        else:
            result = agent.resume("t")
    print(json.dumps({"answer": result["answer"], "steps": len(result["steps"]), "asked": asked}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
