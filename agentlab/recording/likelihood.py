"""Would today's request bring the recorded answer? One forward pass of a local model tells."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from agentlab.boundary import Call
from agentlab.errors import AgentLabError
from agentlab.offline import allowed
from agentlab.recording.drift import Drift, Likelihood
from agentlab.recording.replies import read_result
from agentlab.recording.steps import Step

LikelihoodHook = Callable[[Call, Any], Likelihood | None]


def model_likelihood(call: Call, message: Any) -> Likelihood | None:
    """How likely the recorded ``message`` is under the request of ``call``.

    Asks the model's ``log_likelihood(messages, answer)``, which local models have. None for other
    models, for answers that are not plain text, and where the model cannot be loaded.
    """
    measure = getattr(call.target, "log_likelihood", None)
    text = message.content
    if measure is None or not isinstance(text, str) or not text or message.tool_calls:
        return None
    try:
        with allowed():
            found = measure(call.arguments["messages"], text)
    except AgentLabError:  # no such file here: the drift is told without it
        return None
    return Likelihood(found["agree"], found["mean"], found.get("first"))


class Likelihoods:
    """Asks ``hook`` for what is recorded, once the run is over, and at a divergence."""

    def __init__(self, hook: LikelihoodHook | None) -> None:
        self._hook = hook
        self._made: list[tuple[Call, Step]] = []

    def note(self, call: Call, step: Step) -> None:
        """Remember that ``step`` was recorded of ``call``."""
        if self._hook is not None and call.kind == "model":
            self._made.append((call, step))

    def measure(self) -> None:
        """Give the steps noted their likelihood; apart from the run, whose times stay its own."""
        while self._made:
            call, step = self._made.pop()
            found = self._of(call, step)
            if found is not None:
                step.likelihood = found.kept

    def told(self, call: Call, step: Step, drift: Drift) -> Drift:
        """``drift`` with how likely the answer of ``step`` is after ``call``, and what it was."""
        found = self._of(call, step)
        if found is None:
            return drift
        before = step.likelihood or {}
        return dataclasses.replace(
            drift, likelihood=dataclasses.replace(found, was=before.get("mean"))
        )

    def _of(self, call: Call, step: Step) -> Likelihood | None:
        if self._hook is None or {call.kind, step.kind} != {"model"} or step.reply is None:
            return None
        if step.error is not None or step.closed:
            return None
        return self._hook(call, read_result(call, step).generations[0].message)
