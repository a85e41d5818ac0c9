"""Pins: the sha256 of every hub file as it was when first loaded, in ``pins.json``.

A hub file's name says nothing of its contents: its owner can replace it. So the sum is kept at
the first load, and every later load must find the same.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from agentlab.config import settings
from agentlab.errors import ChecksumError, CorruptStore, UnknownModel
from agentlab.models._jsonfile import locked, read_object, write_object
from agentlab.models.checksums import Progress, sha256_of

_SHA256 = re.compile(r"[0-9a-f]{64}")


def pins_file() -> Path:
    """Where pins are kept."""
    return settings().data / "pins.json"


def pins() -> dict[str, str]:
    """All pins: sha256 by spec (``hf:REPO:FILE`` or ``hf:REPO@REVISION:FILE``).

    Raises:
        CorruptStore: the file is damaged. It is never taken for an empty one: that would accept
            any file.
    """
    path = pins_file()
    try:
        found = read_object(path)
    except (OSError, ValueError) as error:
        raise CorruptStore(
            f"the pins in {str(path)!r} cannot be read: {error}",
            hint="mend the file; or delete it to pin every model anew at its next load",
        ) from error
    for spec, value in found.items():
        if not (isinstance(value, str) and _SHA256.fullmatch(value)):
            raise CorruptStore(
                f"the pin of {spec!r} in {str(path)!r} is not a sha256",
                hint="mend that line, or delete it to pin the file anew at its next load",
            )
    return found


def check_pin(spec: str, path: Path, *, progress: Progress | None = None) -> None:
    """Compare ``path`` with the pin of ``spec``; without a pin, make one.

    Raises:
        ChecksumError: the file is not the one that was pinned.
        CorruptStore: the pins cannot be read.
    """
    found = sha256_of(path, progress=progress)
    pinned = pins().get(spec)
    if pinned is None:
        pinned = _pin(spec, found)
    if pinned != found:
        raise ChecksumError(
            f"{spec!r} is no longer the file that was pinned: "
            f"its sha256 is {found}, pinned is {pinned}",
            hint=f"if you expect the change, run: agentlab models accept {spec} "
            f"(which removes its line from {pins_file()}); "
            f"if not, delete {str(path.resolve())!r} and load again",
        )


def accept(spec: str) -> str:
    """Remove the pin of ``spec``, so that its next load pins what it finds; returns the old sum.

    Raises:
        UnknownModel: there is no such pin.
        CorruptStore: the pins cannot be read.
    """
    path = pins_file()
    with locked(path):
        kept = pins()
        if spec not in kept:
            near = difflib.get_close_matches(spec, kept, n=3) or sorted(kept)[:5]
            raise UnknownModel(
                f"no model is pinned as {spec!r}",
                hint="pinned: " + ", ".join(near) if near else "nothing is pinned yet",
            )
        removed = kept.pop(spec)
        write_object(path, dict(kept))
    return removed


def _pin(spec: str, sha256: str) -> str:
    """Pin ``spec``, unless another process did meanwhile; returns the pin in force."""
    path = pins_file()
    try:
        with locked(path):
            kept = pins()
            if spec not in kept:
                write_object(path, {**kept, spec: sha256})
            return kept.get(spec, sha256)
    except OSError as error:
        raise CorruptStore(
            f"cannot write the pins to {str(path)!r}: {error.strerror or error}",
            hint="set AGENTLAB_DATA to a folder that can be written",
        ) from error
