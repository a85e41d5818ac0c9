"""Models from the Hugging Face hub: ``hf:REPO:PATTERN``, downloaded once and pinned.

Files are kept in the hub library's own cache, shared with every other program that uses it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from agentlab.errors import AgentLabError, ChecksumError, ConfigError
from agentlab.models.checksums import Progress, sha256_of
from agentlab.models.files import check_gguf
from agentlab.models.hub_cache import cached_files, folder_of, hub_cache, snapshots
from agentlab.models.hub_names import HubSpec, choose
from agentlab.models.pins import check_pin, pins

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_LIST_TIMEOUT = 10.0
_log = logging.getLogger(__name__)


def fetch(
    repo: str,
    pattern: str,
    *,
    revision: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """The GGUF file of ``repo`` that ``pattern`` names: downloaded, whole, and as it was pinned.

    A full file name that is pinned and cached is used without asking the hub. A pattern asks the
    hub which file it means; without a network, the cached files are looked at instead.

    Args:
        repo: ``owner/name``.
        pattern: a file name or glob (``*Q4_K_M*``) that means one file, or one set of parts.
        revision: a branch, tag or commit; the default branch where None.
        progress: called with bytes done and in all, of each file, while it is downloaded or
            hashed. Without it a bar is shown on stderr where that is a terminal.

    Returns:
        The file in the cache; of a split model, the first part.

    Raises:
        ConfigError: ``repo`` or ``pattern`` is malformed, or means several files.
        UnknownModel: no such repository, revision or file.
        AuthenticationError: the repository wants a token, or one with more rights.
        Unreachable: no connection, or the download broke off, and nothing is cached.
        RateLimited, ProviderError: the hub refuses for another reason, and nothing is cached.
        ChecksumError: the file is not the one that was pinned, or not what the hub promises.
        ModelFileError: the file is not a GGUF model.
    """
    spec = HubSpec(repo, pattern, revision)
    cached = _pinned_copy(spec, progress)
    if cached is not None:
        return cached
    sums, problem = _list(spec)
    if problem is None:
        names = choose(spec, sums)
        paths = _download(spec, names, progress)
    else:
        names, paths = _from_cache(spec, problem)
    check_gguf(paths[0])
    for name, path in zip(names, paths, strict=True):
        _check_promised(name, path, sums.get(name), progress)
        check_pin(str(spec.file(name)), path, progress=progress)
    return paths[0]


def _pinned_copy(spec: HubSpec, progress: Progress | None) -> Path | None:
    """The cached file, where ``spec`` is a full name and the file's pin is met."""
    known = pins()
    names = spec.parts()
    wanted = [known.get(str(spec.file(name))) for name in names]
    if None in wanted:
        return None
    for snapshot in snapshots(spec):
        paths = [snapshot / name for name in names]
        if not all(path.is_file() for path in paths):
            continue
        if [sha256_of(path, progress=progress) for path in paths] == wanted:
            check_gguf(paths[0])
            return paths[0]
    return None


def _list(spec: HubSpec) -> tuple[dict[str, str | None], AgentLabError | None]:
    """The repository's files with their sums; or the problem, where a cached copy may do."""
    from agentlab.models.hub_errors import is_temporary, translated

    try:
        info = _api().model_info(
            spec.repo, revision=spec.revision, files_metadata=True, timeout=_LIST_TIMEOUT
        )
        files = info.siblings or []
        return {file.rfilename: file.lfs.sha256 if file.lfs else None for file in files}, None
    except Exception as error:
        problem = translated(error, spec)
        if problem is None:
            raise
        if not is_temporary(problem):
            raise problem from error
        problem.__cause__ = error
        return {}, problem


def _from_cache(spec: HubSpec, problem: AgentLabError) -> tuple[list[str], list[Path]]:
    for snapshot in snapshots(spec):
        names = list(cached_files(snapshot))
        try:
            chosen = choose(spec, names)
        except ConfigError as error:
            if names:
                problem.hint += f" (in the cache: {error})"
            continue
        paths = [snapshot / name for name in chosen]
        if all(path.is_file() for path in paths):
            _log.warning("%s; using the copy in %s", problem, folder_of(spec))
            return chosen, paths
    raise problem


def _download(spec: HubSpec, names: Iterable[str], progress: Progress | None) -> list[Path]:
    from huggingface_hub import hf_hub_download

    from agentlab.models.hub_errors import translated
    from agentlab.models.hub_progress import bar

    try:
        return [
            Path(
                hf_hub_download(
                    spec.repo,
                    name,
                    revision=spec.revision,
                    endpoint=_endpoint(),
                    cache_dir=hub_cache(),
                    tqdm_class=bar(progress),
                )
            )
            for name in names
        ]
    except Exception as error:
        problem = translated(error, spec)
        if problem is None:
            raise
        raise problem from error


def _check_promised(name: str, path: Path, promised: str | None, progress: Progress | None) -> None:
    """The hub library compares sizes only; the hub also publishes sums."""
    if promised is None:
        return
    found = sha256_of(path, progress=progress)
    if found != promised:
        raise ChecksumError(
            f"{name!r} has the sha256 {found}, the hub promises {promised}",
            hint=f"the download is damaged: delete {str(path.resolve())!r} and load again",
        )


def _api() -> HfApi:
    from huggingface_hub import HfApi

    return HfApi(endpoint=_endpoint(), library_name="agentlab")


def _endpoint() -> str | None:
    # The hub library reads its environment once, when imported.
    return os.environ.get("HF_ENDPOINT") or None
