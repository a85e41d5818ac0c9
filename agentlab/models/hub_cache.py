"""The hub library's cache on disk: ``models--OWNER--NAME/snapshots/COMMIT/FILE``.

Read here without importing that library, which takes most of a second.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from agentlab.models.hub_names import HubSpec


def hub_cache() -> Path:
    """The cache's folder: ``HF_HUB_CACHE``, ``HF_HOME/hub`` or ``~/.cache/huggingface/hub``."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if named:
        return Path(os.path.expandvars(named)).expanduser()
    home = os.environ.get("HF_HOME")
    if home:
        return Path(os.path.expandvars(home)).expanduser() / "hub"
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "huggingface" / "hub"


def folder_of(spec: HubSpec) -> Path:
    """Where the cache keeps the repository."""
    return hub_cache() / ("models--" + spec.repo.replace("/", "--"))


def main_commit(folder: Path, revision: str | None = None) -> str:
    """The commit that ``revision`` (a branch or tag, ``main`` by default) was at when last seen."""
    try:
        return (folder / "refs" / (revision or "main")).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def snapshots(spec: HubSpec) -> list[Path]:
    """The cached snapshots that ``spec`` may mean, the current one first.

    With a revision, only that one.
    """
    folder = folder_of(spec)
    commit = main_commit(folder, spec.revision)
    root = folder / "snapshots"
    if spec.revision is not None:
        named = [root / commit] if commit else [root / spec.revision]
        return [path for path in named if path.is_dir()]
    found = [path for path in root.glob("*") if path.is_dir()]
    return sorted(found, key=lambda path: (path.name != commit, -path.stat().st_mtime))


def cached_files(snapshot: Path) -> Iterator[str]:
    """The GGUF files of a snapshot, relative to it."""
    for path in sorted(snapshot.rglob("*.gguf")):
        if path.is_file():
            yield path.relative_to(snapshot).as_posix()
