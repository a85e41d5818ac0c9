"""What came of a scenario: the values that expectations read and that every report shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from langchain_core.messages import BaseMessage

from agentlab.recording import Drift, Outcome, Step

Status = Literal["passed", "failed", "drift", "error", "skipped", "recorded"]


@dataclass(frozen=True, slots=True)
class TurnRun:
    """One input and what the target made of it.

    ``output`` is the target's value, ``text`` its text. ``shown`` is what the memory showed the
    model in this turn (chats only). ``first`` and ``last`` bound its steps, half open. ``chunks``
    are the streamed pieces of text, in order.
    """

    input: Any
    output: Any
    text: str
    first: int
    last: int
    shown: Sequence[BaseMessage] = ()
    documents: Sequence[Mapping[str, Any]] = ()
    chunks: Sequence[str] = ()
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a target from its first input to its last output.

    ``steps`` are the calls it made, as recorded or replayed; ``seconds`` is their recorded
    latency, so a replay has the time of the recording.
    """

    turns: Sequence[TurnRun]
    steps: Sequence[Step]
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """The text of the last turn."""
        return self.turns[-1].text if self.turns else ""

    @property
    def output(self) -> Any:
        """The value of the last turn."""
        return self.turns[-1].output if self.turns else None


@dataclass(frozen=True, slots=True)
class Failure:
    """An expectation that was not met.

    ``path`` says which (``turns[1].expect.at.$.amount``); ``diff`` is the smallest useful
    difference, as (kind, text) pieces with kind ``same``, ``removed`` or ``added``.
    """

    path: str
    expected: str
    got: str
    message: str = ""
    diff: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class GoneOn:
    """How a run that left its recording goes on, where models were asked. Nothing was recorded."""

    text: str = ""
    failures: Sequence[Failure] = ()
    error: str = ""
    live_calls: int = 0


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """What came of one scenario (of one cell of its matrix, of one repetition).

    ``outcomes`` tells of every recorded step whether it was replayed, divergent or stale.
    ``warnings`` are failures of scenarios whose level is ``warn``. ``drift`` is set where the run
    left its recording, ``now`` where it was let go on. ``error`` is one sentence, ``hint`` says
    what to do. ``redact`` are the file's patterns of secrets, for reports.
    """

    id: str
    file: str
    line: int
    status: Status
    params: Mapping[str, Any] = field(default_factory=dict)
    tags: Sequence[str] = ()
    failures: Sequence[Failure] = ()
    warnings: Sequence[Failure] = ()
    drift: Drift | None = None
    now: GoneOn | None = None
    outcomes: Sequence[Outcome] = ()
    run: Run | None = None
    error: str = ""
    hint: str = ""
    mode: str = "none"
    cpu_seconds: float = 0.0
    replayed_calls: int = 0
    live_calls: int = 0
    mutation: Mapping[str, Any] | None = None
    redact: Sequence[str] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.status in ("passed", "skipped", "recorded")

    @property
    def name(self) -> str:
        """Its id with its parameters: ``triage[model=local]``."""
        if not self.params:
            return self.id
        inside = ",".join(f"{key}={value}" for key, value in self.params.items())
        return f"{self.id}[{inside}]"


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """What came of all scenarios, in the order of their files."""

    results: Sequence[ScenarioResult]
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether every scenario is."""
        return all(result.ok for result in self.results)

    def counts(self) -> dict[str, int]:
        """How many scenarios have each status."""
        counts: dict[str, int] = {}
        for result in self.results:
            counts[result.status] = counts.get(result.status, 0) + 1
        return counts
