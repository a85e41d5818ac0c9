"""The way in: ``with cassette(path): …``."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from agentlab.boundary import handling
from agentlab.errors import ConfigError
from agentlab.offline import offline
from agentlab.recording.files import load, save
from agentlab.recording.likelihood import LikelihoodHook
from agentlab.recording.secrets import Scrubber
from agentlab.recording.steps import Recording
from agentlab.recording.tape import Mode, Tape

MODES = ("none", "once", "new", "all", "verify")


def default_mode() -> Mode:
    """``none`` under CI, else ``once``."""
    return "none" if os.environ.get("CI", "").lower() in ("1", "true", "yes") else "once"


@contextmanager
def cassette(
    path: str | Path,
    *,
    mode: Mode | None = None,
    redact: Iterable[str] = (),
    live_tools: Collection[str] = (),
    allow_effects: bool = False,
    likelihood: LikelihoodHook | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Iterator[Tape]:
    """Record the calls made in the block at ``path``, or answer them from there.

    ``mode``:

    - ``none``: answer all; a call that was not recorded fails; no network, no model is loaded.
    - ``once``: as ``none`` where there is a recording, else record.
    - ``new``: answer up to the first divergence, record from there.
    - ``all``: record everything again.
    - ``verify``: make every call again and compare; the run goes on with the recorded answers.

    ``redact`` are regular expressions of secrets, beside the built-in ones. ``live_tools`` run for
    real and are not recorded. Tools with side effects run only where everything is recorded, or in
    ``new`` with ``allow_effects``. ``likelihood(call, message)`` tells how likely the recorded
    answer is under a divergent request, and, when it was recorded, under its own. ``meta`` is
    provenance for the header.

    A block that ends with an error leaves the old recording as it was, unless a recorded call
    raised the error: then it belongs to the run.

    Raises:
        Diverged: the run is not the recorded one.
        StoreError: there is no recording, or it cannot be read or written.
        SecretFound: a secret would have been written.
        EffectRefused: a tool with side effects was called in mode ``new``.
    """
    mode = mode or default_mode()
    if mode not in MODES:
        raise ConfigError(f"unknown record mode {mode!r}", hint=f"one of {', '.join(MODES)}")
    file = Path(path)
    exists = mode in ("once", "new") and file.exists()
    old = load(file) if mode in ("none", "verify") or exists else None
    if mode == "once":
        mode = "none" if old is not None else "all"
    scrubber = Scrubber(redact)
    tape = Tape(
        old,
        mode=mode,
        scrubber=scrubber,
        live_tools=live_tools,
        allow_effects=allow_effects,
        likelihood=likelihood,
    )
    if old is not None:
        tape.meta.update(old.meta)
    tape.meta.update(scrubber.value(dict(meta or {})))
    with running(tape, lambda recording: save(file, recording, scrubber)):
        yield tape


@contextmanager
def running(tape: Tape, keep: Callable[[Recording], None]) -> Iterator[None]:
    """Have ``tape`` see the calls of the block; ``keep`` is given what is to be written after it.

    See :func:`cassette`, which reads and writes a file.
    """
    mode = tape.mode
    try:
        with ExitStack() as stack:
            if mode == "none":
                stack.enter_context(offline())
            stack.enter_context(handling(tape))
            yield
    except Exception as error:
        if tape.fatal is not None and tape.fatal is not error:
            raise tape.fatal from error
        if mode in ("new", "all") and tape.fatal is None and tape.raised(error):
            tape.likelihoods.measure()
            keep(tape.recording())
        raise
    tape.finish()
    if mode == "all" or (mode == "new" and tape.changed):
        tape.likelihoods.measure()
        keep(tape.recording())
