"""Text files, put into a question."""

from __future__ import annotations

import re
from pathlib import Path

from agentlab.errors import ConfigError

MAX_BYTES = 2**20


def read_attachment(path: str | Path) -> str:
    """The text file ``path`` as a block of a question: its name, then its text between fences.

    Raises:
        ConfigError: it cannot be read, is above 1 MiB, or is no UTF-8 text.
    """
    file = Path(path).expanduser()
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ConfigError(f"{str(file)!r} cannot be attached: {reason}") from error
    return as_attachment(file.name, data, path=str(file))


def as_attachment(name: str, data: bytes, *, path: str = "") -> str:
    """The text ``data`` as a block of a question, called ``name``.

    Raises:
        ConfigError: it is above 1 MiB, or is no UTF-8 text.
    """
    called = path or name
    if len(data) > MAX_BYTES:
        raise ConfigError(
            f"{called!r} cannot be attached: it is larger than 1 MiB",
            hint="attach the part of it that matters",
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        text, place = "\0", f"byte {error.start} is not UTF-8"
    else:
        place = "it is binary"
    if "\0" in text:
        raise ConfigError(
            f"{called!r} cannot be attached: {place}", hint="only text files can be attached"
        )
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    shown = "".join(c if c.isprintable() else "?" for c in name)
    return f"File {shown}:\n{fence}\n{text.rstrip()}\n{fence}"
