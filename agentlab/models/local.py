"""The models that are on this machine, for ``agentlab models``."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agentlab.config import project_folder
from agentlab.errors import AgentLabError, ModelFileError
from agentlab.models.box import BOX_NAME, find_box_model
from agentlab.models.files import check_gguf, split_parts
from agentlab.models.hub_cache import cached_files, hub_cache, main_commit
from agentlab.models.hub_names import HubSpec
from agentlab.models.pins import pins

MODELS_FOLDER = "models"
_MOST = 1_000  # files of one folder


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model file, and what it says of itself.

    ``spec`` is what :func:`~agentlab.load_model` takes; ``size`` is in bytes; ``pinned`` is the
    sha256 that a hub file must have, empty before its first load; ``problem`` says why a damaged
    file cannot be loaded, and the fields after it are then empty.
    """

    spec: str
    path: Path
    size: int
    pinned: str = ""
    problem: str = ""
    architecture: str = ""
    quantisation: str = ""
    parameter_count: int = 0
    context_length: int | None = None
    has_chat_template: bool = False
    license: str = ""


def local_models() -> list[LocalModel]:
    """The model in the box, the project's ``models/`` folder, and the hub's cache, in that order.

    A damaged file is listed with its problem. Files are not hashed here.

    Raises:
        CorruptStore: the pins cannot be read.
    """
    known = pins()
    found = [_describe(spec, path, known.get(spec, "")) for spec, path in _candidates()]
    return list({model.spec: model for model in found}.values())


def _candidates() -> Iterator[tuple[str, Path]]:
    try:
        box: Path | None = find_box_model()
    except AgentLabError:  # not installed: `agentlab doctor` says so
        box = None
    if box is not None:
        yield BOX_NAME, box
    for path in _gguf_files(models_folder()):
        yield f"gguf:{_as_given(path)}", path
    yield from _hub_files()


def models_folder() -> Path:
    """The project's folder of GGUF files."""
    return project_folder() / MODELS_FOLDER


def _gguf_files(folder: Path) -> Iterator[Path]:
    return itertools.islice(filter(_is_first_part, sorted(folder.rglob("*.gguf"))), _MOST)


def _hub_files() -> Iterator[tuple[str, Path]]:
    for folder in sorted(hub_cache().glob("models--*--*")):
        repo = folder.name.removeprefix("models--").replace("--", "/")
        current = main_commit(folder)
        for snapshot in sorted(folder.glob("snapshots/*")):
            revision = None if snapshot.name == current else snapshot.name
            for name in cached_files(snapshot):
                try:
                    spec = HubSpec(repo, name, revision)
                except AgentLabError:  # no folder of the hub library's
                    continue
                if _is_first_part(Path(name)):
                    yield str(spec), snapshot / name


def _is_first_part(path: Path) -> bool:
    try:
        split_parts(path)
    except ModelFileError:
        return False
    return True


def _describe(spec: str, path: Path, pinned: str) -> LocalModel:
    try:
        header = check_gguf(path)
    except AgentLabError as error:
        return LocalModel(spec, path, _size(path), pinned, str(error))
    return LocalModel(
        spec=spec,
        path=path,
        size=header.size,
        pinned=pinned,
        architecture=header.architecture,
        quantisation=header.quantisation,
        parameter_count=header.parameter_count,
        context_length=header.context_length,
        has_chat_template=header.has_chat_template,
        license=header.license,
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _as_given(path: Path) -> Path:
    """``path`` relative to the current folder where it is below it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
