"""Recordings of an agent of 40 steps of 4 KB: size, replay time, the harness's share of a call.

Run it with ``python -m bench.cassettes``; it prints one JSON object. Times are milliseconds of CPU,
the median of several runs; sizes are bytes.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool

from agentlab.boundary import Handler, handling, recordable
from agentlab.recording import cassette

WORDS = (  # noqa: SIM905
    "the order pump account customer refund policy reset valve before after should answer "
    "question water pressure amount approval escalate support manual section paragraph number"
).split()


def prose(seed: int, size: int = 4096) -> str:
    """About ``size`` characters of text in paragraphs."""
    rng = random.Random(seed)
    out: list[str] = []
    length = 0
    while length < size:
        sentence = " ".join(rng.choices(WORDS, k=rng.randint(6, 18))).capitalize() + "."
        out.append(sentence + ("\n\n" if rng.random() < 0.2 else " "))
        length += len(out[-1])
    return "".join(out)[:size]


SYSTEM = "You are a careful assistant. Refunds over $500 need manager approval. " + prose(0)


@tool
def look_up(topic: str) -> str:
    """Look up a topic in the manual."""
    return prose(int(topic))


def answers(steps: int) -> list[AIMessage]:
    """The answers of a model in a run of ``steps`` steps, each with a tool call but the last."""
    result = []
    for index in range(steps):
        call = {"name": "look_up", "args": {"topic": str(index)}, "id": f"call_{index:024x}"}
        usage = {"input_tokens": 900 * (index + 1), "output_tokens": 900}
        result.append(
            AIMessage(
                prose(1000 + index),
                tool_calls=[call] if index < steps - 1 else [],
                response_metadata={"finish_reason": "stop", "model_name": "fake"},
                usage_metadata={**usage, "total_tokens": sum(usage.values())},
            )
        )
    return result


def agent(model: Any, tools: Any, system: str = SYSTEM) -> BaseMessage:
    """A bare agent loop."""
    history: list[BaseMessage] = [SystemMessage(system), HumanMessage("How do I reset the pump?")]
    while True:
        answer = model.invoke(history)
        history.append(answer)
        if not answer.tool_calls:
            return answer
        history += [tools.invoke(call) for call in answer.tool_calls]


def record(path: Path, steps: int, system: str = SYSTEM) -> None:
    """Record the agent at ``path``."""
    model = recordable(GenericFakeChatModel(messages=iter(answers(steps))))
    with cassette(path, mode="all"):
        agent(model, recordable(look_up), system)


def replay(path: Path) -> None:
    """Replay the agent from ``path``."""
    model = recordable(GenericFakeChatModel(messages=iter([])))
    with cassette(path, mode="none"):
        agent(model, recordable(look_up))


def cpu_ms(work: Callable[[], object], times: int = 9) -> float:
    """The median CPU time of ``work``."""
    taken = []
    for _ in range(times):
        start = time.process_time()
        work()
        taken.append((time.process_time() - start) * 1000)
    return statistics.median(taken)


def diff_bytes(folder: Path, steps: int) -> int:
    """The size of `git diff` after one word of the system prompt was edited."""

    def git(*arguments: str) -> bytes:
        identity = ("-c", "user.name=bench", "-c", "user.email=bench@localhost")
        return subprocess.run(
            ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True
        ).stdout

    git("init", "-q")
    record(folder / "agent.jsonl", steps)
    git("add", ".")
    git("commit", "-q", "-m", "recorded")
    record(folder / "agent.jsonl", steps, SYSTEM.replace("manager", "supervisor", 1))
    return len(git("diff"))


def overhead_ms(calls: int = 400) -> dict[str, float]:
    """What recording adds to one model call, and what a replayed one takes in all."""
    request = [SystemMessage(SYSTEM), HumanMessage("hello")]

    def one(count: int) -> Sequence[BaseMessage]:
        model = recordable(GenericFakeChatModel(messages=iter(answers(1) * count)))
        return [model.invoke(request) for _ in range(count)]

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "calls.jsonl"

        def recorded() -> None:
            with cassette(path, mode="all"):
                one(calls)

        def replayed() -> None:
            with cassette(path, mode="none"):
                one(calls)

        with handling(Handler()):
            bare = cpu_ms(lambda: one(calls), 5) / calls
        recording = cpu_ms(recorded, 5) / calls
        replaying = cpu_ms(replayed, 5) / calls
    return {"bare": bare, "recording": recording - bare, "replaying": replaying - bare}


def main() -> dict[str, Any]:
    """Measure everything."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result: dict[str, Any] = {}
        for steps in (20, 40, 80):
            path = folder / f"{steps}.jsonl"
            record(path, steps)
            result[f"bytes_{steps}"] = path.stat().st_size
            result[f"replay_ms_{steps}"] = round(cpu_ms(lambda path=path: replay(path)), 1)
        (folder / "repository").mkdir()
        result["diff_bytes_40"] = diff_bytes(folder / "repository", 40)
    result["overhead_ms"] = {k: round(v, 3) for k, v in overhead_ms().items()}
    return result


if __name__ == "__main__":
    print(json.dumps(main(), indent=1))
