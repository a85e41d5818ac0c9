"""An index on disk: whole builds, of which one counts.

::

    DIR/current.json            names the build that counts, and its manifest's sha256
    DIR/build-000003-1f2e3d4c/  manifest.json (sizes and sha256 of the files beside it), …
    DIR/lock                    held by who writes

A build is made in a hidden folder, forced to disk, renamed, and made to count by replacing
``current.json`` in one step. A writer that dies leaves the last whole build in force, and what it
left is removed by the next writer. Readers hold a lock on their build, which is not removed then.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from agentlab.errors import ConfigError, CorruptStore, NewerFormat, StoreError

FORMAT = 1
CURRENT = "current.json"
_MANIFEST = "manifest.json"
LOCK = "lock"
_OURS = ("build-", ".new-", CURRENT, LOCK, "search.toml")
_RACES = 20  # a reader that is overtaken by writers looks again


@dataclass(frozen=True, slots=True)
class Build:
    """One whole build. ``held`` keeps its files from being removed, while it is open."""

    folder: Path
    manifest: dict[str, Any]
    held: BinaryIO = field(repr=False, compare=False)

    def verify(self) -> None:
        """Compare every file with its sha256.

        Raises:
            CorruptStore: names the first file that is missing or not as it was written.
        """
        for name, wanted in self.manifest["files"].items():
            path = self.folder / name
            try:
                with path.open("rb") as file:
                    if os.fstat(file.fileno()).st_size != wanted["size"]:
                        raise _damaged(path, "it has another size")
                    found = hashlib.file_digest(file, "sha256").hexdigest()
            except FileNotFoundError as error:
                raise _damaged(path, "it is missing") from error
            except OSError as error:
                raise _damaged(path, error.strerror or str(error)) from error
            if found != wanted["sha256"]:
                raise _damaged(path, "its sha256 is another")


class Store:
    """The folder of an index."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> Build | None:
        """The build that counts, checked; None where none was finished yet.

        Raises:
            CorruptStore: something of it is damaged.
            NewerFormat: a later version wrote it.
        """
        for _ in range(_RACES):
            named = self._current()
            if named is None:
                return None
            build = self._held(*named)
            if build is not None:
                build.verify()
                return build
            if self._current() == named:
                break
        raise _damaged(self.path / CURRENT, "the build that it names is missing")

    def check_may_write(self) -> None:
        """Refuse a folder of something else.

        Raises:
            ConfigError: it holds files that are not an index's, or is no folder.
        """
        if self.path.exists() and not self.path.is_dir():
            raise ConfigError(f"{str(self.path)!r} is a file, not the folder of an index")
        if not self.path.is_dir() or (self.path / CURRENT).exists():
            return
        other = next((p.name for p in self.path.iterdir() if not p.name.startswith(_OURS)), None)
        if other is not None:
            raise ConfigError(
                f"{str(self.path)!r} is no index, and holds other files, such as {other!r}",
                hint="name a new or an empty folder",
            )

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """A new folder to put a build's files in, with nobody else writing.

        Raises:
            StoreError: the disk is full, or nothing may be written there.
        """
        folder: Path | None = None
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with (self.path / LOCK).open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._remove_leftovers()
                folder = Path(tempfile.mkdtemp(prefix=".new-", dir=self.path))
                yield folder
        except OSError as error:
            raise StoreError(
                f"cannot write the index {str(self.path)!r}: {error.strerror or error}"
            ) from error
        finally:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)  # not there where it was published

    def publish(self, folder: Path, manifest: dict[str, Any]) -> None:
        """Make ``folder`` the build that counts; call it while :meth:`writing`."""
        files = sorted(p for p in folder.rglob("*") if p.is_file())
        sums = {p.relative_to(folder).as_posix(): _forced_sum(p) for p in files}
        text = json.dumps(
            {"format": FORMAT, **manifest, "files": sums}, indent=1, sort_keys=True
        ).encode()
        with (folder / _MANIFEST).open("wb") as file:
            _force(file, text)
        for inner in (*(p for p in folder.rglob("*") if p.is_dir()), folder):
            _force_folder(inner)
        named = self._current()
        number = 1 + (int(named[0].split("-")[1]) if named else 0)
        final = self.path / f"build-{number:06d}-{secrets.token_hex(4)}"
        folder.rename(final)
        _force_folder(self.path)
        new = self.path / f".new-{CURRENT}"
        current = {"build": final.name, "manifest": hashlib.sha256(text).hexdigest()}
        with new.open("wb") as file:
            _force(file, json.dumps(current).encode())
        new.replace(self.path / CURRENT)
        _force_folder(self.path)
        self._remove_leftovers()

    def _current(self) -> tuple[str, str] | None:
        path = self.path / CURRENT
        try:
            found = json.loads(path.read_bytes())
            name, sha256 = str(found["build"]), str(found["manifest"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise _damaged(path, "it cannot be read") from error
        parts = name.split("-")
        if len(parts) != 3 or parts[0] != "build" or not parts[1].isdecimal() or "/" in name:
            raise _damaged(path, "it names no build")
        return name, sha256

    def _held(self, name: str, sha256: str) -> Build | None:
        """The build ``name``, held; None where it is not there (any more)."""
        folder = self.path / name
        path = folder / _MANIFEST
        try:
            held = path.open("rb")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _damaged(path, error.strerror or str(error)) from error
        fcntl.flock(held, fcntl.LOCK_SH)
        if not path.exists():
            held.close()
            return None
        text = held.read()
        if hashlib.sha256(text).hexdigest() != sha256:
            held.close()
            raise _damaged(path, "its sha256 is another")
        manifest = json.loads(text)
        if manifest["format"] > FORMAT:
            held.close()
            raise NewerFormat(
                f"the index {str(self.path)!r} was written by a later version",
                hint="update agentlab, or build the index again",
            )
        return Build(folder, manifest, held)

    def _remove_leftovers(self) -> None:
        """Remove what dead writers left, and builds that no longer count and nobody reads."""
        named = self._current()
        for path in self.path.iterdir():
            if path.name.startswith(".new-"):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
            elif path.name.startswith("build-") and (named is None or path.name != named[0]):
                _remove_unread(path)


def _remove_unread(folder: Path) -> None:
    manifest = folder / _MANIFEST
    with suppress(OSError), manifest.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError where it is read
        manifest.unlink()
    if not manifest.exists():
        shutil.rmtree(folder, ignore_errors=True)


def _forced_sum(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        size = os.fstat(file.fileno()).st_size
        return {"size": size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _force(file: BinaryIO, data: bytes) -> None:
    file.write(data)
    file.flush()
    os.fsync(file.fileno())


def _force_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _damaged(path: Path, why: str) -> CorruptStore:
    return CorruptStore(
        f"the index is damaged: {str(path)!r}: {why}",
        hint="build it again from the documents, into a new folder",
    )
