"""A text to stdout, or whole into a file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from agentlab.cli.console import Console
from agentlab.errors import ConfigError


def deliver(
    console: Console,
    text: str,
    out: Path | None,
    *,
    force: bool,
    hint: str = "add --force to replace it",
) -> None:
    """Write ``text`` to stdout, or to the file ``out``, which is replaced only with ``force``.

    Raises:
        ConfigError: the file exists already, or cannot be written.
    """
    if out is None:
        console.answer(text)
        return
    if out.exists() and not force:
        raise ConfigError(f"{str(out)!r} exists already", hint=hint)
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=out.parent, prefix=f".{out.name}.", delete=False
        ) as file:
            temporary = Path(file.name)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(out)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        reason = (error.strerror or type(error).__name__).lower()
        raise ConfigError(f"{str(out)!r} cannot be written: {reason}") from error
    console.note(f"wrote {out}")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
