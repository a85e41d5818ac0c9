"""A replay makes local models, and needs neither llama.cpp nor their files for it."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import sys
from pydantic import BaseModel
from agentlab.models import load_model
from agentlab.offline import offline

class Card(BaseModel):
    name: str

with offline():
    for spec in ("smollm2", "gguf:not-there.gguf", "hf:owner/repo:*q4*"):
        model = load_model(spec, sha256="0" * 64, temperature=0)
        model.bind(stop=["x"])
        model.with_structured_output(Card)
        assert set(model.identity) == {"name"}, model.identity
assert not {"llama_cpp", "numpy", "agentlab.engine"} & set(sys.modules)
"""


def test_models_are_made_without_it() -> None:
    run = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_the_default_is_the_engines() -> None:
    from agentlab.engine import N_BATCH
    from agentlab.models.gguf import GGUFChatModel

    assert GGUFChatModel.model_fields["n_batch"].default == N_BATCH
