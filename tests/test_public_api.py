"""What `import agentlab` offers, and what it does not load."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import agentlab

ROOT = Path(agentlab.__file__).parent
HEAVY = {
    *("asyncio", "cohere", "huggingface_hub", "jinja2", "langchain_core", "langgraph", "langsmith"),
    *("llama_cpp", "numpy", "openai", "prompt_toolkit", "pydantic", "rich", "typer", "yaml"),
}


@pytest.mark.parametrize("name", agentlab.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(agentlab, name) is not None
    assert name in dir(agentlab)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        agentlab.no_such_name  # noqa: B018


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


PACKAGES = [
    module.name
    for module in pkgutil.walk_packages([str(ROOT)], "agentlab.")
    if module.ispkg and not module.name.rpartition(".")[2].startswith("_")
]


@pytest.mark.parametrize("name", PACKAGES)
def test_what_a_package_lists_is_there(name: str) -> None:
    package = importlib.import_module(name)
    assert package.__doc__, f"{name} does not say what it is"
    for public in getattr(package, "__all__", ()):
        assert getattr(package, public) is not None
