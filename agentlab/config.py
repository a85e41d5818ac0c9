"""Settings, and where prompts, tools, scenarios, models and sessions live.

Read, later over earlier: ``config.toml`` in the user's configuration folder, ``agentlab.toml`` in
the project, environment variables ``AGENTLAB_*``. The project is the nearest folder, from the
current one upwards, that holds an ``agentlab.toml``; without one, the current folder.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from agentlab.errors import ConfigError

if TYPE_CHECKING:
    from agentlab._settings import Settings

Folder = Literal["prompts", "tools", "scenarios", "corpus"]
PROJECT_FILE = "agentlab.toml"


def project_folder() -> Path:
    """The user's project: ``AGENTLAB_PROJECT``, or the nearest folder with ``agentlab.toml``."""
    named = os.environ.get("AGENTLAB_PROJECT")
    if named:
        return Path(named).expanduser().resolve()
    here = Path.cwd()
    return next((f for f in (here, *here.parents) if (f / PROJECT_FILE).is_file()), here)


def shipped_folder(name: Folder) -> Path:
    """The prompts, tools, scenarios or demo corpus that come with AgentLab."""
    package = Path(__file__).parent
    inside = package / "_shipped" / name
    return inside if inside.is_dir() else package.parent / name


def folders(name: Folder) -> list[Path]:
    """Where to look for ``name``, first found wins: the project's own folder, then the shipped."""
    found = [f for f in (project_folder() / name, shipped_folder(name)) if f.is_dir()]
    return list(dict.fromkeys(f.resolve() for f in found))


def settings() -> Settings:
    """The settings in force, read again when the project changes.

    Raises:
        ConfigError: a settings file has an unknown key, a wrong type or is not TOML.
    """
    environment = tuple(sorted((k, v) for k, v in os.environ.items() if k.startswith("AGENTLAB_")))
    return _read(project_folder(), environment)


@functools.lru_cache(maxsize=8)
def _read(project: Path, _environment: tuple[tuple[str, str], ...]) -> Settings:
    import tomllib

    from pydantic import ValidationError

    from agentlab._settings import read_settings

    try:
        return read_settings(project / PROJECT_FILE)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"setting {key!r} is wrong: {first['msg'].lower()}",
            hint=f"see {PROJECT_FILE}, config.toml or the variable AGENTLAB_{key.upper()}",
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"a settings file is not TOML: {error}", hint=f"see {PROJECT_FILE}"
        ) from error
