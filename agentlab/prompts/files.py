"""Which file a prompt's name means, and what prompts there are."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from agentlab import config
from agentlab.errors import PromptError
from agentlab.prompts.prompt import Prompt
from agentlab.prompts.reading import Variable, read_prompt

_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*")


@dataclass(frozen=True, slots=True)
class PromptInfo:
    """A prompt in the list. ``problem`` says what is wrong with a file that can't be used."""

    name: str
    description: str
    variables: tuple[Variable, ...]
    file: Path
    shipped: bool
    problem: str = ""


def load_prompt(name: str | Path | Prompt) -> Prompt:
    """The prompt called ``name`` (``"story/title"``), or in the file ``name`` (it ends in ``.md``).

    A name is looked up in the project's ``prompts`` folder first, then among those that ship.

    Raises:
        PromptError: no such prompt, or its file is wrong.
    """
    if isinstance(name, Prompt):
        return name
    if not isinstance(name, str | Path):
        raise PromptError(
            f"a prompt is a name, a file or a Prompt, not {name!r:.80}",
            hint="such as 'story/title'",
        )
    if isinstance(name, Path) or name.endswith(".md"):
        file = Path(name).expanduser()
        if file.suffix != ".md":
            raise PromptError(f"{file} is not a prompt file", hint="a prompt file ends in .md")
        return Prompt(file.stem, read_prompt(file))
    return Prompt(name, read_prompt(_find(name)))


def list_prompts() -> list[PromptInfo]:
    """All prompts that can be loaded by name, sorted; a file that is wrong says so."""
    return [_info(name, file) for name, file in sorted(_files().items())]


def _find(name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise PromptError(
            f"{name!r} is not a prompt's name",
            hint="a name is like 'story/title'; give a file by its path, ending in .md",
        )
    for folder in config.folders("prompts"):
        file = folder / f"{name}.md"
        if file.is_file():
            return file
    known = list(_files())
    last = name.rpartition("/")[2]
    close = difflib.get_close_matches(name, known, n=3) or [
        other for other in known if difflib.get_close_matches(last, other.split("/"), n=1)
    ]
    hint = f"did you mean {', '.join(close[:3])}? " if close else ""
    raise PromptError(
        f"there is no prompt {name!r}", hint=f"{hint}`agentlab prompts` lists them all"
    )


def _files() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in reversed(config.folders("prompts")):
        # os.walk does not follow links to folders, so a link to a parent is no endless list.
        for where, _, names in os.walk(folder):
            for name in names:
                file = Path(where, name)
                key = file.relative_to(folder).with_suffix("").as_posix()
                if file.suffix == ".md" and _NAME.fullmatch(key):
                    found[key] = file
    return found


def _info(name: str, file: Path) -> PromptInfo:
    shipped = file.is_relative_to(config.shipped_folder("prompts").resolve())
    try:
        read = read_prompt(file)
    except PromptError as error:
        return PromptInfo(name, "", (), file, shipped, str(error))
    return PromptInfo(name, read.description, tuple(read.variables.values()), file, shipped)
