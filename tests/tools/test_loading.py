"""Tool files: found, loaded, refused with the line that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from langchain_core.tools import tool

from agentlab.errors import ToolDefinitionError, ToolError
from agentlab.tools import (
    GuardedTool,
    ToolPolicy,
    is_assumed,
    list_tools,
    load_tools,
    policy_of,
)

GOOD = '''
from langchain_core.tools import tool
from agentlab.tools import ToolPolicy

POLICY = ToolPolicy(timeout=3, side_effects=True)

@tool(parse_docstring=True)
def greet(name: str) -> str:
    """Greet somebody.

    Args:
        name: Whom.
    """
    return f"Hello {name}"
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AGENTLAB_PROJECT", str(tmp_path))
    (tmp_path / "tools").mkdir()
    return tmp_path / "tools"


def test_a_file_without_a_policy_has_the_careful_one(folder: Path) -> None:
    text = GOOD.replace("POLICY = ToolPolicy(timeout=3, side_effects=True)", "")
    (folder / "greet.py").write_text(text)
    (greet,) = load_tools("greet")
    assert is_assumed(greet)
    assert policy_of(greet) == ToolPolicy(side_effects=True, network=True)
    (info,) = [info for info in list_tools() if info.name == "greet"]
    assert (info.assumed, info.policy.side_effects) == (True, True)
    with pytest.raises(ToolError, match="holds a secret"):
        greet.invoke({"name": "sk-abcdefghijklmnopqrstuvwx012345"})
    assert not any(info.assumed for info in list_tools() if info.shipped)


def test_the_shipped_tools_load() -> None:
    found = {info.name: info for info in list_tools()}
    names = set(found)
    assert all(info.shipped and not info.problem for info in found.values())
    assert found["search"].policy.network
    assert {"calculator", "fetch_page", "now", "search"} <= names
    for loaded in load_tools("calculator", "fetch_page", "now", "search"):
        assert loaded.description
        assert all("description" in argument for argument in loaded.args.values())


def test_a_dropped_file_is_a_tool(folder: Path) -> None:
    (folder / "greet.py").write_text(GOOD)
    (listed,) = [info for info in list_tools() if info.name == "greet"]
    assert (listed.shipped, listed.file, listed.problem) == (False, folder / "greet.py", "")
    (greet,) = load_tools("greet")
    assert greet.invoke({"name": "Ada"}) == "Hello Ada"
    assert policy_of(greet) == ToolPolicy(timeout=3, side_effects=True)
    assert greet.args["name"] == {"description": "Whom.", "title": "Name", "type": "string"}


def test_the_users_own_tool_comes_before_the_shipped_one(folder: Path) -> None:
    own = GOOD.replace("greet", "calculator").replace("name", "expression")
    (folder / "calculator.py").write_text(own)
    assert load_tools("calculator")[0].invoke({"expression": "1"}) == "Hello 1"


def test_other_files_are_no_tools(folder: Path) -> None:
    for name in ("_helper.py", ".hidden.py", "notes.md"):
        (folder / name).write_text("")
    assert not {"_helper", ".hidden", "notes"} & {info.name for info in list_tools()}


@pytest.mark.parametrize(
    ("name", "said", "hint"),
    [
        ("Get-Weather", "is no name of a tool", "rename it to get_weather.py"),
        ("1st", "is no name of a tool", "rename it"),
        ("folder", "is a directory", "a tool is a Python file"),
        ("gone", "no such file", "a tool is a Python file"),
    ],
)
def test_what_cannot_be_a_tool_is_told(folder: Path, name: str, said: str, hint: str) -> None:
    (folder / "Get-Weather.py").write_text(GOOD)
    (folder / "1st.py").write_text(GOOD)
    (folder / "folder.py").mkdir()
    (folder / "gone.py").symlink_to(folder / "nowhere.py")
    (listed,) = [info for info in list_tools() if info.name == name]
    assert said in listed.problem
    with pytest.raises(ToolDefinitionError, match=said) as caught:
        load_tools(name)
    assert caught.value.hint == hint


@pytest.mark.parametrize("name", ["../greet", "/etc/passwd", "tools/greet", "greet.py", ""])
def test_a_path_is_no_name(folder: Path, name: str) -> None:
    (folder / "greet.py").write_text(GOOD)
    (folder.parent / "greet.py").write_text("raise SystemExit('loaded')")
    with pytest.raises(ToolDefinitionError, match="no tool is named"):
        load_tools(name)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ToolDefinitionError) as caught:
        load_tools("calculater")
    assert caught.value.hint == "did you mean 'calculator'?"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("x = (\n", 1, "SyntaxError"),
        ("import os\nimport missing_module\n", 2, "No module named 'missing_module'"),
        (GOOD.replace("timeout=3", "timeout=0"), 5, "timeout must be above 0"),
        (GOOD.replace("timeout=3", "timeuot=3"), 5, "timeuot"),
        (GOOD.replace("ToolPolicy(timeout=3, side_effects=True)", "{}"), 5, "POLICY is a dict"),
        (GOOD.replace("def greet", "def great"), 8, "it defines great"),
        (GOOD.replace("@tool(parse_docstring=True)\n", ""), 7, "it defines none"),
        (GOOD.replace("(parse_docstring=True)", "('other')"), 8, "the tool is named 'other'"),
        (GOOD.replace("name: str", "name"), 8, "'name' has no type"),
        (GOOD.replace("name: Whom.", "nome: Whom."), 7, "nome"),
        ("x = 1\n\n1 / 0\n", 3, "ZeroDivisionError"),
        ("import sys\n\nsys.exit('usage: greet NAME')\n", 3, "SystemExit: usage: greet NAME"),
        ("", 1, "it defines none"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(
    folder: Path, text: str, line: int, message: str
) -> None:
    file = folder / "greet.py"
    file.write_text(text)
    with pytest.raises(ToolDefinitionError) as caught:
        load_tools("greet")
    assert str(caught.value).startswith(f"{file}:{line}: ")
    assert message in str(caught.value)
    assert caught.value.hint
    (listed,) = [info for info in list_tools() if info.name == "greet"]
    assert listed.problem == str(caught.value), "the list of tools goes on without it"


def test_langchain_tools_are_accepted_between_names() -> None:
    @tool
    def shout(text: str) -> str:
        """Say it loudly."""
        return text.upper()

    calculator, loud = load_tools("calculator", shout)
    assert isinstance(loud, GuardedTool)
    assert loud.invoke({"text": "hi"}) == "HI"
    assert policy_of(loud).side_effects, "nobody said that it has none"
    assert load_tools(loud) == [loud]
    assert not policy_of(calculator).side_effects


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ToolDefinitionError, match="two tools have the name 'now'"):
        load_tools("now", "now")


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (
            'ToolPolicy(patterns={"name": "("})',
            r":5: ValueError: the pattern '\(' of 'name' is none",
        ),
        ('ToolPolicy(patterns={"name": "(?=a)"})', r":5: ValueError: .* looks around or back"),
        ('ToolPolicy(patterns={"nome": "a"})', r":5: POLICY has a pattern for 'nome'"),
    ],
)
def test_patterns_are_checked_when_the_file_is_read(folder: Path, policy: str, told: str) -> None:
    text = GOOD.replace("ToolPolicy(timeout=3, side_effects=True)", policy)
    (folder / "greet.py").write_text(text)
    with pytest.raises(ToolDefinitionError, match=rf"greet\.py{told}"):
        load_tools("greet")


@pytest.mark.parametrize("arguments", ["*names", "name: str, **more"])
def test_any_number_of_arguments_is_none_that_a_model_can_give(
    folder: Path, arguments: str
) -> None:
    (folder / "greet.py").write_text(GOOD.replace("name: str", arguments))
    with pytest.raises(ToolDefinitionError, match=r"greet\.py:8: a model cannot be told of"):
        load_tools("greet")


def test_a_sign_in_a_class_looks_nowhere() -> None:
    assert ToolPolicy(patterns={"a": r"[(?=]x", "b": r"\(\?=x"}).patterns
