"""Files, folders and patterns to documents; what cannot be read is told, not hidden."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from langchain_core.documents import Document

from agentlab import cancellation
from agentlab.errors import ConfigError
from agentlab.rag.readers import READERS, Unreadable, read_bytes, read_documents
from agentlab.rag.store import CURRENT, LOCK


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was left out, and why."""

    source: str
    reason: str


@dataclass(slots=True)
class Loaded:
    """What was read. ``digests`` are the sha256 of the files, by source.

    ``unchanged`` are files that were read before.
    """

    documents: list[Document] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)


def load_files(
    paths: str | Path | Iterable[str | Path], known: Mapping[str, str] | None = None
) -> Loaded:
    """Read files, folders (all that is in them) and patterns such as ``docs/**/*.md``.

    Of a folder or pattern, files whose kind is not known are skipped with a reason, and hidden ones
    and indexes are left out. A document's ``source`` is its path as it was named here.

    Args:
        known: the sha256 of files that need not be read again, by source.

    Raises:
        ConfigError: a path names nothing.
    """
    loaded = Loaded()
    for path in list_files(paths):
        cancellation.raise_if_cancelled()
        source = path.as_posix()
        try:
            data = read_bytes(path)
            digest = hashlib.sha256(data).hexdigest()
            if known is not None and known.get(source) == digest:
                loaded.unchanged.append(source)
                continue
            documents = read_documents(data, path.suffix.lower(), source)
        except Unreadable as error:
            loaded.skipped.append(Skipped(source, str(error)))
            continue
        loaded.documents += documents
        loaded.digests[source] = digest
    return loaded


def list_files(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """The files that ``paths`` mean, each once, sorted within each path.

    Raises:
        ConfigError: a path names nothing.
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    if not given:
        raise ConfigError("no files were named", hint="name files, folders or a pattern")
    found: dict[Path, None] = {}
    for path in given:
        names = list(_expanded(Path(path).expanduser()))
        if not names:
            kinds = " ".join(sorted(READERS))
            raise ConfigError(f"there is no file {str(path)!r}", hint=f"files may be {kinds}")
        found |= dict.fromkeys(names)
    return list(found)


def _expanded(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir():
        yield from _visible(path, path.rglob("*"))
    elif glob.has_magic(str(path)):
        names = glob.glob(str(path), recursive=True)  # noqa: PTH207 (absolute patterns too)
        yield from sorted(Path(name) for name in names if Path(name).is_file())


def _visible(folder: Path, paths: Iterable[Path]) -> list[Path]:
    """The files among ``paths`` that are neither hidden nor part of an index."""
    files = [path for path in paths if path.is_file()]
    indexes = {p.parent for p in files if p.name == CURRENT and (p.parent / LOCK).is_file()}
    return sorted(
        path
        for path in files
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and not (indexes and indexes & set(path.parents))
    )
