"""``code``: a function of the project decides."""

from __future__ import annotations

import importlib
import importlib.machinery
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentlab.errors import AgentLabError, ScenarioError
from agentlab.scenarios.expectations.base import (
    Check,
    CheckContext,
    Compiler,
    Expectation,
    Place,
    kind_of,
    wrong,
)
from agentlab.scenarios.expectations.diffs import shown
from agentlab.scenarios.results import Failure, Run

_REFERENCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True)
class Code(Check[Run]):
    """``function(run)`` returns true or None; false, a text that says why, or an AssertionError."""

    place: Place
    reference: str

    def check(self, subject: Run, context: CheckContext) -> list[Failure]:
        function = load_function(self.reference, context.project, self.place)
        try:
            verdict = function(subject)
        except AssertionError as error:
            verdict = str(error) or "an assertion does not hold"
        except AgentLabError:
            raise
        except Exception as error:  # the user's code: anything may come
            raise ScenarioError(
                f"{self.place}: {self.reference} raised {type(error).__name__}: {error}",
                hint="return True, False or a text that says what is wrong",
            ) from error
        if verdict is None or verdict is True:
            return []
        if verdict is False or isinstance(verdict, str):
            message = verdict if isinstance(verdict, str) else ""
            return [Failure(str(self.place), str(self), shown(subject.text), message)]
        raise ScenarioError(
            f"{self.place}: {self.reference} returned {shown(str(verdict), 80)}: expected "
            "True, False, None or a text"
        )

    def __str__(self) -> str:
        return f"{self.reference} agrees"


def load_function(reference: str, project: Path, place: Place) -> Callable[[Run], Any]:
    """The function that ``reference`` names, out of a module in ``project`` and from nowhere else.

    Raises:
        ScenarioError: the module is not in the project, cannot be imported, or lacks it.
    """
    module_name, _, name = reference.partition(":")
    root = project.resolve()
    top = module_name.partition(".")[0]
    found = importlib.machinery.PathFinder.find_spec(top, [str(root)])
    if found is None or not _inside(found, root):
        raise ScenarioError(
            f"{place}: there is no module {top} in the project {root}",
            hint="code is loaded from the project only, never from installed packages",
        )
    sys.path.insert(0, str(root))
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # importing runs the user's code
        told = f"{type(error).__name__}: {error}"
        raise ScenarioError(f"{place}: {module_name} cannot be imported: {told}") from error
    finally:
        sys.path.remove(str(root))
    file = getattr(module, "__file__", None)
    if file is None or not Path(file).resolve().is_relative_to(root):
        raise ScenarioError(
            f"{place}: the module {module_name} is not the project's own but {file}",
            hint="another package has the same name: rename yours",
        )
    function = getattr(module, name, None)
    if not callable(function):
        raise ScenarioError(f"{place}: {module_name} has no function {name}")
    return function  # type: ignore[no-any-return]


def _inside(spec: importlib.machinery.ModuleSpec, root: Path) -> bool:
    places = [*(spec.submodule_search_locations or ()), *([spec.origin] if spec.origin else [])]
    return bool(places) and all(
        Path(place).resolve().is_relative_to(root) and "site-packages" not in Path(place).parts
        for place in places
    )


def compile_code(raw: Any, place: Place, compiler: Compiler) -> Expectation:
    """``code: module:function``."""
    if not isinstance(raw, str):
        raise wrong(place, f"expected module:function, got {kind_of(raw)}")
    if not _REFERENCE.fullmatch(raw):
        raise wrong(place, f"expected module:function, got {raw[:80]!r}")
    return Code(place, raw)
