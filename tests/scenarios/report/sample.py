"""A suite with a scenario of each status, from real recordings with scripted models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from agentlab.boundary import recordable
from agentlab.errors import Diverged
from agentlab.memory import WindowMemory
from agentlab.models.scripted import ScriptedChatModel
from agentlab.recording import Likelihood, Tape, cassette, load, save
from agentlab.recording.words import word_diff
from agentlab.scenarios.results import Failure, Run, ScenarioResult, SuiteResult, TurnRun
from tests.recording.parts import SYSTEM, Manual, support

FILE = "scenarios/support.yaml"
SECONDS = (0.84, 0.21, 1.42, 0.008, 0.65, 0.012, 1.1)  # recorded times, the same every time


def scripted(*replies: Any) -> Any:
    """A recordable model with these replies."""
    return recordable(ScriptedChatModel(replies=list(replies)))


def record(path: Path, run: Callable[[], Any]) -> None:
    """Record ``run`` at ``path``, with the times of :data:`SECONDS`."""
    with cassette(path, mode="all"):
        run()
    recording = load(path)
    for step, latency in zip(recording.steps, SECONDS * 9, strict=False):
        step.latency = latency
    save(path, recording)


def replay(path: Path, run: Callable[[Tape], Sequence[TurnRun]], **options: Any) -> dict[str, Any]:
    """Replay ``run``: the fields of its result that come from the tape."""
    turns: Sequence[TurnRun] = ()
    tape = None
    try:
        with cassette(path, mode="none", **options) as tape:
            turns = run(tape)
    except Diverged:
        pass
    assert tape is not None
    return {
        "drift": tape.drift,
        "outcomes": tape.outcomes(),
        "run": Run(turns, tape.steps, tape.seconds),
        "replayed_calls": tape.replayed_calls,
        "live_calls": tape.live_calls,
    }


def chat(path: Path) -> ScenarioResult:
    """Two turns, streamed, with a memory that shows one turn. Passes."""
    says = ("Hello Ada, I have found your order.", "Your order number is 8841.")
    asked = ("Hi, I'm Ada. My order is 8841.", "What was my order number?")

    def run(tape: Tape | None = None) -> list[TurnRun]:
        model = scripted(*says)
        history: list[BaseMessage] = []
        turns = []
        for question in asked:
            shown = WindowMemory(turns=1).view(history)
            first = len(tape.steps) if tape else 0
            messages = [SystemMessage(SYSTEM), *shown, HumanMessage(question)]
            chunks = [chunk.text for chunk in model.stream(messages)]
            text = "".join(chunks)
            history += [HumanMessage(question), AIMessage(text)]
            last = len(tape.steps) if tape else 0
            turns.append(TurnRun(question, text, text, first, last, shown, chunks=chunks))
        return turns

    record(path, run)
    return ScenarioResult(
        "remembers-the-order", FILE, 4, "passed", tags=("chat", "memory"), **replay(path, run)
    )


def rag(path: Path) -> ScenarioResult:
    """An answer with citations. One expectation is not met."""
    question = "How do I reset the pump?"
    says = "Hold the reset button for five seconds [1]."

    def run(tape: Tape | None = None) -> list[TurnRun]:
        found = recordable(Manual()).invoke(question)
        context = "\n".join(document.page_content for document in found)
        answer = scripted(says).invoke([HumanMessage(f"{context}\n\n{question}")])
        cited = [{"source": "manual.md", "span": "reset-the-pump", "text": found[0].page_content}]
        output = {"answer": answer.text, "citations": cited}
        documents = [{"text": d.page_content, "metadata": d.metadata} for d in found]
        return [TurnRun(question, output, answer.text, 0, 2, documents=documents)]

    record(path, run)
    expected = "Hold the reset button for ten seconds [1]."
    failure = Failure(
        "expect.equals",
        expected,
        says,
        diff=[(piece.what, piece.text) for piece in word_diff(expected, says)],
    )
    slow = Failure("expect.budget.seconds", "at most 1 s", "1.05 s", "slower than its budget")
    return ScenarioResult(
        "manual-rag", FILE, 17, "failed", failures=[failure], warnings=[slow], **replay(path, run)
    )


def agent(path: Path) -> ScenarioResult:
    """An agent whose system prompt was edited by a word since it was recorded. Drifts."""

    def model() -> Any:
        return scripted(
            {"tool_calls": [{"name": "look_up", "args": {"order": "TEST-1"}}]},
            {
                "say": "It was one pump.",
                "tool_calls": [{"name": "check_policy", "args": {"amount": 842.0}}],
            },
            "I have asked a manager for approval.",
        )

    def run(system: str) -> list[TurnRun]:
        history = support(model(), system=system)
        text = history[-1].text
        return [TurnRun(history[1].text, text, text, 0, 6)]

    record(path, lambda: run(SYSTEM))
    fields = replay(
        path,
        lambda tape: run(SYSTEM.replace("manager", "supervisor")),
        likelihood=lambda call, message: Likelihood(agree=0.75, mean=-0.42),
    )
    params = {"model": "local"}
    return ScenarioResult("big-refund", FILE, 29, "drift", params=params, **fields)


def sample(folder: Path) -> SuiteResult:
    """The suite; its recordings are made in ``folder``."""
    results = [
        chat(folder / "chat.jsonl"),
        rag(folder / "rag.jsonl"),
        agent(folder / "agent.jsonl"),
        ScenarioResult(
            "no-recording",
            "scenarios/new.yaml",
            3,
            "error",
            error="there is no recording cassettes/new/no-recording.jsonl",
            hint="record it with --record once",
        ),
        ScenarioResult("later", "scenarios/new.yaml", 9, "skipped", hint="waits for the new API"),
    ]
    return SuiteResult(results, cpu_seconds=0.31, wall_seconds=0.42)
