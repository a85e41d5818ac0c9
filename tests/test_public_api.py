"""The public names of ``agentlab``, pinned with their signatures in ``public_api.txt``.

After a change that is meant: ``python tests/test_public_api.py`` writes the file again; look at
its diff, since it is what users see.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import agentlab

ROOT = Path(agentlab.__file__).parent
PINNED = Path(__file__).with_name("public_api.txt")
HEAVY = {
    *("asyncio", "cohere", "huggingface_hub", "jinja2", "langchain_core", "langgraph", "langsmith"),
    *("llama_cpp", "numpy", "openai", "prompt_toolkit", "pydantic", "rich", "typer", "yaml"),
}
PACKAGES = [
    module.name
    for module in pkgutil.walk_packages([str(ROOT)], "agentlab.")
    if module.ispkg and not module.name.rpartition(".")[2].startswith("_")
]


def lines_of(name: str, value: Any) -> Iterator[str]:
    """One line for a function, several for a class (its own methods) or a module (its classes)."""
    if isinstance(value, types.ModuleType):
        for inner, member in sorted(vars(value).items()):
            if not inner.startswith("_") and getattr(member, "__module__", "") == value.__name__:
                yield from lines_of(f"{name}.{inner}", member)
    elif isinstance(value, type):
        yield f"class {name}{_signature(value)}"
        for inner, member in sorted(vars(value).items()):
            if inner.startswith("_"):
                continue
            if isinstance(member, property):
                yield f"{name}.{inner}: property"
            elif inspect.isfunction(member):
                yield f"{name}.{inner}{_signature(member)}"
    elif callable(value):
        yield f"{name}{_signature(value)}"
    else:
        yield f"{name}: {type(value).__name__}"


def _signature(value: Any) -> str:
    try:
        return str(inspect.signature(value))
    except ValueError:
        return "(…)"


def public_api() -> list[str]:
    """All public names with their signatures, sorted by name."""
    return [
        line
        for name in sorted(agentlab.__all__)
        for line in lines_of(name, getattr(agentlab, name))
    ]


def test_the_public_names_are_the_pinned_ones() -> None:
    pinned, found = PINNED.read_text().splitlines(), public_api()
    gone = [f"- {line}" for line in pinned if line not in found]
    new = [f"+ {line}" for line in found if line not in pinned]
    assert pinned == found, "\n".join(
        ["the public names changed; if it is meant: python tests/test_public_api.py", *gone, *new]
    )


@pytest.mark.parametrize("name", sorted(agentlab.__all__))
def test_every_public_name_is_documented(name: str) -> None:
    value = getattr(agentlab, name)
    assert (value.__doc__ or "").strip()
    if isinstance(value, type):
        for inner, member in vars(value).items():
            if not inner.startswith("_") and inspect.isfunction(member):
                assert inspect.getdoc(getattr(value, inner)), f"{name}.{inner}"


def test_dir_lists_them() -> None:
    assert set(agentlab.__all__) <= set(dir(agentlab))
    assert sorted(agentlab._HOMES) == list(agentlab._HOMES) == sorted(agentlab.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'load_modle'"):
        agentlab.load_modle  # noqa: B018


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse((ROOT / "__init__.py").read_text())
    seen = {
        alias.asname
        for block in tree.body
        if isinstance(block, ast.If)
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert seen == set(agentlab.__all__)


def test_importing_loads_nothing_heavy() -> None:
    program = "import sys, agentlab; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "agentlab" in run.stdout.split()
    assert not HEAVY & set(run.stdout.split())


@pytest.mark.parametrize("name", PACKAGES)
def test_what_a_package_lists_is_there(name: str) -> None:
    package = importlib.import_module(name)
    assert package.__doc__, f"{name} does not say what it is"
    for public in getattr(package, "__all__", ()):
        assert getattr(package, public) is not None


if __name__ == "__main__":
    PINNED.write_text("\n".join(public_api()) + "\n")
