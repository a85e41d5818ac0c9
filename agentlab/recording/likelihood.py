"""Would today's request bring the recorded answer? One forward pass of a local model tells."""

from __future__ import annotations

from typing import Any

from agentlab.boundary import Call
from agentlab.errors import AgentLabError
from agentlab.offline import allowed
from agentlab.recording.drift import Likelihood


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
