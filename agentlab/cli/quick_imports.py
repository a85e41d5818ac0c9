"""A quicker start: the types of LangSmith's web service are imported when something asks for them.

``langchain_core`` imports ``langsmith`` for its tracers. That imports one literal of
``langsmith.types``, whose ``__init__`` builds a great many pydantic models: a third of a second of
CPU in each start. Here the package is there with its path, so that its modules can be imported one
by one, and its ``__init__`` runs at the first name asked of the package itself.
"""

from __future__ import annotations

import gc
import importlib.abc
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

LATE = frozenset({"langsmith.types"})
# How many new objects there are before they are looked through; Python's own number is 700.
_AT_FIRST = 300_000  # more than the imports of any command make
_LATER = 50_000


def install() -> None:
    """Have the packages in :data:`LATE` imported late, in this process.

    Garbage is looked for less often too, and not among what the imports made: that stays.
    """
    if _after_the_first not in gc.callbacks:
        gc.set_threshold(_AT_FIRST)
        gc.callbacks.append(_after_the_first)
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def _after_the_first(phase: str, _found: dict[str, int]) -> None:
    if phase == "stop" and gc.get_threshold()[0] == _AT_FIRST:
        gc.freeze()
        gc.set_threshold(_LATER)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in LATE:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None and spec.submodule_search_locations:
            spec.loader = _Late(spec.loader)
        return spec


class _Late(importlib.abc.Loader):
    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        def filled(name: str) -> Any:
            if name.startswith("__"):  # the import system looks for these, e.g. __path__'s owner
                raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
            del module.__dict__["__getattr__"]
            self._loader.exec_module(module)
            return getattr(module, name)

        module.__dict__["__getattr__"] = filled
