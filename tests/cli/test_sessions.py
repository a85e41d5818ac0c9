"""``agentlab sessions``, as a user runs it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pexpect
import pytest

from agentlab.models.scripted import ScriptedChatModel
from agentlab.session import Session, Store
from tests.cli.conftest import AGENTLAB


@pytest.fixture
def ada() -> Session:
    chat = Session(ScriptedChatModel(replies=["I am\x1b[31m Ada.", "2"]), name="ada", store=Store())
    chat.send("Who are you?")
    chat.send("What is 1 + 1?")
    return chat


def test_list(agentlab: Any, ada: Session) -> None:
    done = agentlab("sessions")
    assert re.fullmatch(r"ada\t4\t[-\d]+ [\d:]+\tWho are you\?\n", done.stdout)
    assert done.stderr == ""
    [line] = agentlab("sessions", "list", "--json").stdout.splitlines()
    assert json.loads(line)["first"] == "Who are you?"


def test_list_of_nothing(agentlab: Any) -> None:
    done = agentlab("sessions")
    assert (done.stdout, done.returncode) == ("", 0)


def test_show_on_a_terminal_is_harmless(agentlab: Any, ada: Session, project: Path) -> None:
    assert "\x1b[31m" in agentlab("sessions", "show", "ada").stdout
    shown = pexpect.run(f"{AGENTLAB} sessions show ada", cwd=str(project), env=dict(os.environ))
    assert b"\x1b" not in shown
    assert "I am\u241b[31m Ada." in shown.decode()


def test_export_and_import(agentlab: Any, ada: Session, project: Path) -> None:
    assert agentlab("sessions", "export", "ada").stdout.startswith("# ada\n")
    assert agentlab("sessions", "export", "ada", "--format", "py").stdout.startswith('"""')
    done = agentlab("sessions", "export", "ada", "--format", "json", "--out", "ada.json")
    assert (done.returncode, done.stdout) == (0, "")
    again = agentlab("sessions", "export", "ada", "--format", "json", "--out", "ada.json")
    assert (again.returncode, again.stderr.splitlines()[-1]) == (
        2,
        "hint: add --force to replace it",
    )
    assert agentlab("sessions", "export", "ada", "--out", "ada.md", "--force").returncode == 0
    assert agentlab("sessions", "import", "ada.json").stdout == "ada~1\n"
    text = (project / "ada.json").read_text()
    assert agentlab("sessions", "import", "-", "--name", "b", stdin=text).stdout == "b\n"
    assert Store().names() == ["b", "ada~1", "ada"]
    assert [m.text for m in Session.load("b", ada.target).history] == [m.text for m in ada.history]
    assert sorted(p.name for p in project.glob("*ada*")) == ["ada.json", "ada.md"]


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["show", "adda"], "there is no session 'adda'", "did you mean 'ada'?"),
        (["export", "ada", "--format", "html"], "unknown format 'html'", ""),
        (["export", "ada", "--out", "no/where.md"], "cannot be written", ""),
        (["import", "missing.json"], "cannot be read", ""),
        (["import", "mychains.py"], "this is not JSON", "import what export made"),
        (["delete", "ada"], "must be confirmed", "add --yes"),
    ],
)
def test_mistakes(
    agentlab: Any, ada: Session, arguments: list[str], message: str, hint: str
) -> None:
    done = agentlab("sessions", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert message in done.stderr
    assert hint in done.stderr
    assert Store().names() == ["ada"]


def test_delete_asks(agentlab: Any, ada: Session, project: Path) -> None:
    for answer, left in (("n", ["ada"]), ("", ["ada"]), ("y", [])):
        child = pexpect.spawn(AGENTLAB, ["sessions", "delete", "ada"], cwd=str(project), timeout=60)
        child.expect_exact("delete 'ada' with its 4 messages? [y/N]")
        child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0
        assert Store().names() == left


def test_delete_without_asking(agentlab: Any, ada: Session) -> None:
    assert agentlab("sessions", "delete", "ada", "--yes").returncode == 0
    assert Store().names() == []


def test_a_damaged_store(agentlab: Any, ada: Session, project: Path) -> None:
    path = Store().path
    data = bytearray(path.read_bytes())
    at = data.find(b"What is 1 + 1?")
    data[at : at + 4] = b"Why "
    path.write_bytes(data)
    done = agentlab("sessions", "show", "ada")
    assert done.returncode == 1
    assert str(path) in done.stderr
    assert f"agentlab sessions recover {path}" in done.stderr
    done = agentlab("sessions", "recover", "--out", "found.json")
    assert done.returncode == 0
    assert "1 sessions with 4 messages, 0 loose messages, 1 problems" in done.stderr
    [session] = json.loads((project / "found.json").read_text())["sessions"]
    (project / "one.json").write_text(json.dumps(session))
    path.rename(path.with_suffix(".damaged"))
    assert agentlab("sessions", "import", "one.json").stdout == "ada\n"
