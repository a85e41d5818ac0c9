"""``module:attribute`` of the project, imported."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agentlab._yaml import nearest
from agentlab.errors import AgentLabError, ScenarioError


@contextmanager
def importable(project: Path) -> Iterator[None]:
    """Have Python find the project's modules first, for the block."""
    folder = str(project)
    added = folder not in sys.path
    if added:
        sys.path.insert(0, folder)
    try:
        yield
    finally:
        if added and folder in sys.path:
            sys.path.remove(folder)


def attribute_of(name: str, project: Path) -> Any:
    """What ``module:attribute`` names.

    Raises:
        ScenarioError: there is no such module or attribute, or the module fails.
    """
    module_name, _, path = name.partition(":")
    try:
        with importable(project):
            value: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name + ".").startswith(error.name + "."):
            raise ScenarioError(
                f"there is no module {error.name!r} for {name!r}",
                hint=f"modules are looked for in {project}",
            ) from error
        raise ScenarioError(f"the module {module_name!r} cannot be imported: {error}") from error
    except AgentLabError:
        raise
    except Exception as error:
        raise ScenarioError(
            f"the module {module_name!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    _check_home(module_name, getattr(value, "__file__", None), project)
    for part in path.split("."):
        if not hasattr(value, part):
            raise ScenarioError(f"{module_name!r} has no {path!r}{nearest(part, dir(value))}")
        value = getattr(value, part)
    return value


@functools.lru_cache(maxsize=256)
def _check_home(name: str, file: str | None, project: Path) -> None:
    """A module of this name that another project had loaded before is not this project's."""
    top = name.partition(".")[0]
    own = (project / f"{top}.py").is_file() or (project / top / "__init__.py").is_file()
    if own and file and not Path(file).resolve().is_relative_to(project.resolve()):
        raise ScenarioError(
            f"the module {name!r} of another project is loaded already: {file}",
            hint="run the projects' scenarios one after the other",
        )
