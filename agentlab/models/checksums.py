"""sha256 sums of model files, each file hashed once.

Flipped bits in weights change answers without a word, so every file that has a known sum is
compared with it before it is loaded. Sums are kept in ``sha256.json`` in the cache folder, by the
file's real path, size, times and inode.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agentlab import cancellation
from agentlab.config import settings
from agentlab.errors import ChecksumError, ModelFileError
from agentlab.models._jsonfile import locked, read_object, write_object

Progress = Callable[[int, int], None]
"""Told of work that takes long: bytes done so far, bytes in all."""

_CHUNK = 1 << 22


def sha256_of(path: Path, *, progress: Progress | None = None) -> str:
    """The sha256 of ``path``, in hex; from the cache where the file has not changed since.

    Args:
        progress: called about every 4 MB while the file is read; never for a cached sum.

    Raises:
        ModelFileError: the file cannot be read.
        TurnCancelled: the scope in force was cancelled.
    """
    try:
        real = path.resolve(strict=True)
        known = _lookup(real)
        if known is not None:
            return known
        with real.open("rb") as file:
            before = _identity(os.fstat(file.fileno()))
            digest = hashlib.sha256()
            done = 0
            while chunk := file.read(_CHUNK):
                cancellation.raise_if_cancelled()
                digest.update(chunk)
                done += len(chunk)
                if progress is not None:
                    progress(done, before["size"])
            unchanged = _identity(os.fstat(file.fileno())) == before
    except OSError as error:
        raise ModelFileError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
    if unchanged:
        _remember(real, {**before, "sha256": digest.hexdigest()})
    return digest.hexdigest()


def check_sha256(
    path: Path, expected: str, *, hint: str = "", progress: Progress | None = None
) -> None:
    """Compare a file with its known sum.

    Raises:
        ChecksumError: the sum is another; the message names both.
        ModelFileError: the file cannot be read.
    """
    found = sha256_of(path, progress=progress)
    if found != expected.lower():
        raise ChecksumError(
            f"{str(path)!r} has the sha256 {found}, expected {expected.lower()}",
            hint=hint or "the file is damaged or another one: get it again",
        )


def stamp_of(path: Path) -> tuple[int, ...]:
    """Numbers that change when the file does; empty where there is no file."""
    try:
        return tuple(_identity(path.stat()).values())
    except OSError:
        return ()


def _identity(stat: os.stat_result) -> dict[str, int]:
    return {
        "size": stat.st_size,
        "mtime_ns": stat.st_mtime_ns,
        "ctime_ns": stat.st_ctime_ns,  # tools can set back the mtime, but not this
        "inode": stat.st_ino,
    }


def _cache_file() -> Path:
    return settings().cache / "sha256.json"


def _cached() -> dict[str, Any]:
    try:
        return read_object(_cache_file())
    except (OSError, ValueError):  # a damaged cache is an empty one
        return {}


def _lookup(real: Path) -> str | None:
    entry = _cached().get(str(real))
    if not isinstance(entry, dict):
        return None
    known = entry.pop("sha256", None)
    return known if isinstance(known, str) and entry == _identity(real.stat()) else None


def _remember(real: Path, entry: dict[str, Any]) -> None:
    try:
        path = _cache_file()
        with locked(path):
            kept = {name: old for name, old in _cached().items() if Path(name).exists()}
            write_object(path, {**kept, str(real): entry})
    except OSError:  # no room, or a read-only home: the next load hashes again
        pass


def known_sha256(path: Path) -> str:
    """:func:`sha256_of`, read once as long as the file stays what it is."""
    return _once(path, stamp_of(path))


@functools.lru_cache(maxsize=64)
def _once(path: Path, _stamp: tuple[int, ...]) -> str:
    return sha256_of(path)
