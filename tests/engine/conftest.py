"""One engine on the model in the box, and scripts in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from agentlab.engine import (
    ContextOptions,
    Engine,
    LoadOptions,
    Piece,
    Request,
    Sampling,
    open_engine,
)
from agentlab.models.box import find_box_model

ROOT = Path(__file__).parent.parent.parent

Script = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def box() -> Path:
    return find_box_model()


@pytest.fixture(scope="session")
def engine(box: Path) -> Engine:
    """A short context in short pieces: small prompts fill and reuse them.

    It keeps nothing but its last prompt, so that asking for another makes it cold.
    """
    return open_engine(box, LoadOptions(), ContextOptions(n_ctx=512, n_batch=16, kept_bytes=0))


Ask = Callable[..., list[Piece]]


@pytest.fixture(scope="session")
def ask(engine: Engine) -> Ask:
    """Decode a text: ``ask("Once upon", max_tokens=8, temperature=0)`` gives the pieces."""

    def ask(text: str | Sequence[int], *, on: Engine = engine, **given: object) -> list[Piece]:
        return list(on.generate(request(on, text, **given)))

    return ask


def request(engine: Engine, text: str | Sequence[int], **given: object) -> Request:
    """A request for tokens or a text, one greedy token unless told otherwise."""
    given = {"max_tokens": 1, **given}
    own = {"max_tokens", "stop", "constraint", "top_logprobs"}
    sampling = {k: v for k, v in given.items() if k not in own}
    tokens = engine.weights.tokenize(text) if isinstance(text, str) else text
    return Request(
        tokens=tuple(tokens),
        sampling=Sampling(**{"seed": 7, "temperature": 0.0, **sampling}),  # type: ignore[arg-type]
        **{k: v for k, v in given.items() if k in own},  # type: ignore[arg-type]
    )


@pytest.fixture(scope="session")
def make_request() -> Callable[..., Request]:
    return request


@pytest.fixture
def script() -> Script:
    """Run Python source in a fresh process, from the project's folder."""

    def run(source: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-X", "faulthandler", "-c", source, *arguments],
            cwd=ROOT,
            env=dict(os.environ),
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    return run
