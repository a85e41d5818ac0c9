"""Names of hub files: ``hf:REPO[@REVISION]:PATTERN``, and which file a pattern means."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from agentlab.errors import ConfigError, ModelFileError, UnknownModel
from agentlab.models.files import split_parts

_REPO = re.compile(r"[\w][\w.-]*/[\w][\w.-]*", re.ASCII)
_REVISION = re.compile(r"[\w][\w./-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class HubSpec:
    """A repository on the hub and a pattern for a file in it; ``str`` gives the spec.

    Raises:
        ConfigError: one of them is malformed.
    """

    repo: str
    pattern: str
    revision: str | None = None

    def __post_init__(self) -> None:
        if not _REPO.fullmatch(self.repo) or "--" in self.repo or ".." in self.repo:
            raise ConfigError(
                f"{self.repo!r} is not the name of a hub repository",
                hint="it is OWNER/NAME, as in hf:Qwen/Qwen2.5-1.5B-Instruct-GGUF:*q4_k_m*",
            )
        path = PurePosixPath(self.pattern)
        if not self.pattern or path.is_absolute() or ".." in path.parts or "\0" in self.pattern:
            raise ConfigError(
                f"{self.pattern!r} is not a pattern for a file in {self.repo}",
                hint="give a file name or a glob such as *Q4_K_M*",
            )
        revision = self.revision
        if revision is not None and (not _REVISION.fullmatch(revision) or ".." in revision):
            raise ConfigError(
                f"{revision!r} is not a revision", hint="give a branch, a tag or a commit"
            )

    @classmethod
    def parse(cls, spec: str) -> HubSpec:
        """Read ``hf:REPO:PATTERN`` or ``hf:REPO@REVISION:PATTERN``, with or without ``hf:``.

        Raises:
            ConfigError: a part is missing or malformed.
        """
        where, colon, pattern = spec.removeprefix("hf:").partition(":")
        if not colon:
            raise ConfigError(
                f"{spec!r} does not say which file of the repository",
                hint=f"add a file name or a glob: hf:{where or 'OWNER/NAME'}:*Q4_K_M*",
            )
        repo, at, revision = where.partition("@")
        return cls(repo, pattern, revision if at else None)

    def __str__(self) -> str:
        at = f"@{self.revision}" if self.revision else ""
        return f"hf:{self.repo}{at}:{self.pattern}"

    def file(self, name: str) -> HubSpec:
        """The spec of one file of the same repository and revision."""
        return replace(self, pattern=name)

    def parts(self) -> list[str]:
        """The files that ``pattern`` means when it is a full name."""
        return parts_of(self.pattern)


def parts_of(name: str) -> list[str]:
    """``name`` alone, or all the parts of a split model whose first part it is."""
    try:
        return [part.as_posix() for part in split_parts(Path(name))]
    except ModelFileError:  # a later part
        return [name]


def choose(spec: HubSpec, names: Iterable[str]) -> list[str]:
    """The one file, or the parts of the one split model, that ``spec.pattern`` means.

    A glob is compared with the path in the repository and with the file's name, in any case.

    Raises:
        ConfigError: it means several; the hint lists them.
        UnknownModel: it means none; the hint has the nearest.
    """
    models = sorted(name for name in names if name.lower().endswith(".gguf") and _is_first(name))
    if not models:
        raise UnknownModel(
            f"the repository {spec.repo} holds no GGUF file",
            hint="look for one that does; their names often end in -GGUF",
        )
    found = [name for name in models if name == spec.pattern]
    found = found or [name for name in models if _matches(name, spec.pattern)]
    if not found:
        near = difflib.get_close_matches(spec.pattern, models, n=4, cutoff=0.4) or models
        raise UnknownModel(
            f"{spec.repo} has no GGUF file that matches {spec.pattern!r}",
            hint=f"it has {_listed(near)}",
        )
    if len(found) > 1:
        raise ConfigError(
            f"{spec.pattern!r} matches {len(found)} files of {spec.repo}; it must match one",
            hint=f"choose one of {_listed(found)}",
        )
    return parts_of(found[0])


def _is_first(name: str) -> bool:
    try:
        split_parts(Path(name))
    except ModelFileError:
        return False
    return True


def _matches(name: str, pattern: str) -> bool:
    lower, glob = name.lower(), pattern.lower()
    return fnmatchcase(lower, glob) or fnmatchcase(lower.rpartition("/")[2], glob)


def _listed(names: list[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
