"""Recordings on disk: read whole, written whole or not at all."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from agentlab.errors import CorruptStore, SecretFound, StoreError
from agentlab.recording import cassette
from agentlab.recording.secrets import Scrubber
from agentlab.recording.steps import Recording

MAX_BYTES = 256 * 1024 * 1024


def load(path: str | Path) -> Recording:
    """Read the recording at ``path``.

    Raises:
        StoreError: it cannot be read.
        CorruptStore: it is damaged, or was written by a later version.
    """
    file = Path(path)
    try:
        if file.stat().st_size > MAX_BYTES:
            raise CorruptStore(f"{file} is larger than {MAX_BYTES} bytes: no recording")
        data = file.read_bytes()
    except OSError as error:
        raise StoreError(
            f"cannot read the recording {file}: {error.strerror}",
            hint="record it first: mode once, new or all",
        ) from error
    return cassette.read(data, str(file))


def save(path: str | Path, recording: Recording, scrubber: Scrubber | None = None) -> None:
    """Write the recording to ``path``: to a temporary file beside it first, then renamed.

    Raises:
        SecretFound: it still holds a secret; nothing was written.
        StoreError: it cannot be written.
    """
    file = Path(path)
    data = cassette.write(recording)
    refuse_secrets(file, recording, data, scrubber or Scrubber())
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace(file, data)
    except OSError as error:
        raise StoreError(f"cannot write the recording {file}: {error.strerror}") from error


def refuse_secrets(path: Path, recording: Recording, data: bytes, scrubber: Scrubber) -> None:
    """Look for secrets in everything that would be written.

    Raises:
        SecretFound: names the rules that found one, never the secret.
    """
    seen: set[int] = set()
    found = scrubber.leaks(recording.meta)
    for number, step in enumerate(recording.steps, 1):
        request = step.request
        fresh = [form for _, form in request.messages if id(form) not in seen]
        seen.update(id(form) for form in fresh)
        parts = [dict(request.parts), dict(request.identity), request.target, fresh]
        found += scrubber.leaks([*parts, step.reply, step.error, step.usage, step.chunks])
        if found:
            raise _refusal(path, f"step {number}", found)
    if found or (found := scrubber.known_in(data.decode())):
        raise _refusal(path, "the file", found)


def _refusal(path: Path, where: str, rules: list[str]) -> SecretFound:
    return SecretFound(
        f"{where} of the recording {path.name} holds a secret ({', '.join(rules)}): "
        "nothing was written",
        hint="add a `redact` pattern that matches it wherever it appears",
    )


def replace(file: Path, data: bytes) -> None:
    """Write ``data`` to ``file``, all or nothing, and have it on the disk on return."""
    temporary = file.parent / f".{file.name}.{uuid.uuid4().hex}.tmp"
    try:
        with temporary.open("xb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
