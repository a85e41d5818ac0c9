"""How an index is best searched, as ``agentlab tune`` found: ``search.toml`` in its folder."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentlab.errors import ConfigError, StoreError
from agentlab.rag.retriever import create_query

FILE = "search.toml"
KNOWN: Mapping[str, type | tuple[type, ...]] = {
    "mode": str,
    "weights": list,
    "fusion": str,
    "depth": int,
    "rerank": str,
    "rerank_depth": int,
    "rerank_weight": (int, float),
}
_MOST = 1 << 16  # bytes


def read_tuned(folder: Path) -> dict[str, Any]:
    """The options of a search that the index in ``folder`` was tuned to; none where it was not.

    Raises:
        ConfigError: the file holds something else.
    """
    import tomllib

    path = folder / FILE
    try:
        with path.open("rb") as file:
            found = tomllib.loads(file.read(_MOST).decode("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _wrong(path, str(error)) from error
    _check(path, found)
    return found


def write_tuned(folder: Path, options: Mapping[str, Any], note: str = "") -> Path:
    """Write ``options``, with ``note`` as a comment, to be read by :func:`read_tuned`.

    Raises:
        ConfigError: an option is none that is kept.
        StoreError: the file cannot be written.
    """
    path = folder / FILE
    found = {k: list(v) if isinstance(v, tuple) else v for k, v in options.items()}
    _check(path, found)
    lines = [f"# {line}" for line in note.splitlines()]
    # JSON's texts, numbers and lists of numbers are TOML's too.
    lines += [f"{name} = {json.dumps(value)}" for name, value in found.items()]
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".new-", delete=False) as file:
            temporary = Path(file.name)
            file.write(("\n".join(lines) + "\n").encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise StoreError(f"{str(path)!r} cannot be written: {error.strerror or error}") from error
    return path


def _check(path: Path, found: Mapping[str, Any]) -> None:
    for name, value in found.items():
        wanted = KNOWN.get(name)
        if wanted is None:
            raise _wrong(path, f"there is no option {name!r}")
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise _wrong(path, f"{name!r} cannot be {value!r}")
        if isinstance(value, list) and not all(type(v) in (int, float) for v in value):
            raise _wrong(path, f"{name!r} must be numbers, not {value!r}")
    try:
        create_query(found)
    except ConfigError as error:
        raise _wrong(path, str(error)) from error


def _wrong(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"{str(path)!r} is wrong: {why}",
        hint="write it anew with agentlab tune, or delete it",
    )
