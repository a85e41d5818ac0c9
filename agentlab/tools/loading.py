"""Tool files: ``tools/NAME.py`` defines the tool ``NAME``, and says its ``POLICY``.

A tool is code. It is only loaded from the configured folders, the user's own before the shipped.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import importlib.util
import re
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from langchain_core.tools import BaseTool

from agentlab.config import folders, shipped_folder
from agentlab.errors import ToolDefinitionError
from agentlab.tools.guarded import guard
from agentlab.tools.policy import ASSUMED, ToolPolicy

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class ToolInfo:
    """A tool in the list. ``problem`` says what is wrong with a file that can't be used.

    ``arguments`` are JSON schemas by name; those that may be left out have a ``default``.
    """

    name: str
    description: str
    arguments: dict[str, Any]
    policy: ToolPolicy
    file: Path
    shipped: bool
    problem: str = ""
    assumed: bool = False  # the file states no policy


def list_tools() -> list[ToolInfo]:
    """The tools in the configured folders, by name: the project's own and those that ship."""
    return [describe_tool(file) for _, file in sorted(_files().items())]


def describe_tool(file: Path) -> ToolInfo:
    """What the tool in ``file`` is, or what is wrong with it."""
    shipped = file.parent == shipped_folder("tools").resolve()
    try:
        tool, policy = read_tool_file(file)
    except ToolDefinitionError as error:
        return ToolInfo(file.stem, "", {}, ToolPolicy(), file, shipped, str(error))
    told = policy or ASSUMED
    return ToolInfo(
        tool.name, tool.description, tool.args, told, file, shipped, assumed=policy is None
    )


def load_tools(*tools: str | BaseTool) -> list[BaseTool]:
    """The tools named, each within its policy. LangChain tools may stand between the names.

    Raises:
        ToolDefinitionError: no tool has that name, its file is wrong, or a name comes twice.
    """
    loaded = [_load(tool) if isinstance(tool, str) else guard(tool) for tool in tools]
    names = [tool.name for tool in loaded]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ToolDefinitionError(
            f"two tools have the name {twice!r}", hint="give each tool one name of its own"
        )
    return loaded


def tool_file(name: str) -> Path:
    """The file that defines the tool ``name``.

    Raises:
        ToolDefinitionError: there is none.
    """
    files = _files()
    if name in files:
        return files[name]
    near = difflib.get_close_matches(name, files, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(files))}"
    raise ToolDefinitionError(f"no tool is named {name!r}", hint=hint)


def _load(name: str) -> BaseTool:
    file = tool_file(name)
    tool, policy = read_tool_file(file)
    return guard(tool, policy, file=file)


def _files() -> dict[str, Path]:
    """The files by name, wrong ones too, so that they are told and not passed over."""
    found: dict[str, Path] = {}
    for folder in folders("tools"):
        for file in sorted(folder.glob("*.py")):
            if not file.name.startswith(("_", ".")):
                found.setdefault(file.stem, file)
    return found


def read_tool_file(file: Path) -> tuple[BaseTool, ToolPolicy | None]:
    """The tool that ``file`` defines, bare, and its policy; None where it states none.

    Raises:
        ToolDefinitionError: it does not define one; the message names the line.
    """
    _refuse_what_is_no_file(file)
    _refuse_untyped_arguments(file)
    module = _execute(file)
    tool = getattr(module, file.stem, None)
    if not isinstance(tool, BaseTool):
        others = [n for n, v in vars(module).items() if isinstance(v, BaseTool)]
        found = f"it defines {', '.join(others)}" if others else "it defines none"
        line = _line_of(file, others[0] if others else file.stem)
        raise ToolDefinitionError(
            f"{file}:{line}: the file must define the tool {file.stem!r} and {found}",
            hint=f"write @tool(parse_docstring=True) above def {file.stem}(...)",
        )
    line = _line_of(file, file.stem)
    if tool.name != file.stem:
        raise ToolDefinitionError(
            f"{file}:{line}: the tool is named {tool.name!r} and its file {file.stem!r}",
            hint="a tool has the name of its file",
        )
    policy = getattr(module, "POLICY", None)
    if policy is not None and not isinstance(policy, ToolPolicy):
        raise ToolDefinitionError(
            f"{file}:{_line_of(file, 'POLICY')}: POLICY is a {type(policy).__name__}",
            hint="write POLICY = ToolPolicy(timeout=10)",
        )
    unknown = [name for name in (policy.patterns if policy else ()) if name not in tool.args]
    if unknown:
        raise ToolDefinitionError(
            f"{file}:{_line_of(file, 'POLICY')}: POLICY has a pattern for {unknown[0]!r}, which is "
            "no argument of the tool",
            hint=f"it has: {', '.join(tool.args)}",
        )
    if not tool.description.strip():
        raise ToolDefinitionError(
            f"{file}:{line}: the tool {tool.name!r} has no description",
            hint="say in a docstring what it does, for the model to read",
        )
    return tool, policy


def _refuse_what_is_no_file(file: Path) -> None:
    if not _NAME.fullmatch(file.stem):
        right = re.sub(r"\W+", "_", file.stem).strip("_").lower()
        raise ToolDefinitionError(
            f"{file}: {file.stem!r} is no name of a tool: small letters, digits and _",
            hint=f"rename it to {right}.py" if _NAME.fullmatch(right) else "rename it",
        )
    try:
        with file.open("rb"):
            return
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ToolDefinitionError(
            f"{file} cannot be read: {reason}", hint="a tool is a Python file"
        ) from error


def _execute(file: Path) -> ModuleType:
    digest = hashlib.sha256(str(file).encode()).hexdigest()[:12]
    name = f"agentlab_tool_{file.stem}_{digest}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None  # a .py file always has a loader
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pydantic look their module up
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a script that exits is no tool either
        del sys.modules[name]
        raise ToolDefinitionError(
            f"{file}:{_line_of_error(file, error)}: {type(error).__name__}: {_first_line(error)}",
            hint="a tool file must import and define its tool without an error",
        ) from error
    return module


def _line_of_error(file: Path, error: BaseException) -> int:
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return error.lineno or 1
    frames = traceback.extract_tb(error.__traceback__)
    return next((f.lineno or 1 for f in reversed(frames) if f.filename == str(file)), 1)


def _first_line(error: BaseException) -> str:
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
    except Exception:  # noqa: BLE001 - whatever a foreign __str__ does
        text = ""
    return text.strip().partition("\n")[0]


def _line_of(file: Path, name: str) -> int:
    """The line that defines ``name``, or 1."""
    for node in _definitions(file):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            return node.lineno
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == name for target in node.targets
        ):
            return node.lineno
    return 1


def _refuse_untyped_arguments(file: Path) -> None:
    """Before LangChain sees the function: it would say that the docstring names no argument."""
    for node in _definitions(file):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == file.stem:
            arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            for several in filter(None, (node.args.vararg, node.args.kwarg)):
                raise ToolDefinitionError(
                    f"{file}:{several.lineno}: a model cannot be told of the argument "
                    f"{several.arg!r}, which stands for any number",
                    hint="name each argument; a list is one",
                )
            untyped = next((a for a in arguments if a.annotation is None), None)
            if untyped is not None:
                raise ToolDefinitionError(
                    f"{file}:{untyped.lineno}: the argument {untyped.arg!r} has no type",
                    hint=f"write {untyped.arg}: str, or another type",
                )


def _definitions(file: Path) -> list[ast.stmt]:
    try:
        return ast.parse(file.read_bytes()).body
    except (SyntaxError, ValueError):
        return []  # running the file will say what is wrong
