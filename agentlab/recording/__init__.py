"""Record any run at the boundary, and replay it.

::

    with cassette("cassettes/triage.jsonl") as tape:
        chain.invoke(...)        # recorded the first time, answered from the file from then on

Replay runs the real chain, agent or retrieval and answers its calls to models, tools, retrievers,
embeddings and the clock. A call that was not recorded names the first divergent step and what is
different. See docs/recording.md.
"""

from agentlab.recording.drift import Change, Drift, Likelihood
from agentlab.recording.files import load, save
from agentlab.recording.freeze import Freeze
from agentlab.recording.likelihood import model_likelihood
from agentlab.recording.playback import Outcome
from agentlab.recording.secrets import Scrubber
from agentlab.recording.steps import Recording, Request, Step
from agentlab.recording.tape import Mode, Tape
from agentlab.recording.use import cassette, default_mode

__all__ = [
    "Change",
    "Drift",
    "Freeze",
    "Likelihood",
    "Mode",
    "Outcome",
    "Recording",
    "Request",
    "Scrubber",
    "Step",
    "Tape",
    "cassette",
    "default_mode",
    "load",
    "model_likelihood",
    "save",
]
