"""agentlab test, accept and schema."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest

from agentlab.cli.entry import run
from tests.scenarios.conftest import Project

TEXT = """agentlab: 1
models: {talk: {scripted: talk.yaml}}
scenarios:
- {id: good, chain: 'shop:triage', model: talk, input: {ticket: billing}, tags: [money],
   expect: {contains: billing}}
- {id: bad, chain: 'shop:triage', model: talk, input: {ticket: reset}, expect: {contains: Zed}}
"""


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


def test_the_exit_code_tells(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.write(TEXT)
    code, out, err = said(capsys, "test")
    assert (code, err) == (3, "")
    assert "FAIL bad  scenarios/shop.yaml:6" in out
    code, out, _ = said(capsys, "test", "-k", "good")
    assert code == 0
    assert "1 passed" in out
    code, out, _ = said(capsys, "test", "--tag", "money", "scenarios/shop.yaml", "-j", "2")
    assert code == 0
    code, _, err = said(capsys, "test", "-k", "nothing")
    assert code == 2
    assert "no scenario was chosen" in err
    code, _, err = said(capsys, "test", "--record", "onec")
    assert code == 2
    assert "did you mean `once`?" in err
    code, _, err = said(capsys, "test", "elsewhere")
    assert code == 2
    assert "no file or folder 'elsewhere'" in err
    project.write(TEXT.replace("tags", "tgas"))
    code, out, err = said(capsys, "test")
    assert code == 2
    assert out == ""
    assert "scenarios/shop.yaml:4:75: unknown key `tgas`, did you mean `tags`?" in err


def test_reports_in_files(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.write(TEXT)
    said(capsys, "test")
    arguments = ("--record", "none", "--junit", "out/j.xml", "--html", "out/p.html", "--json")
    arguments += ("--markdown", "out/s.md")
    code, out, _ = said(capsys, "test", *arguments)
    assert code == 3
    found = json.loads(out)
    assert [s["status"] for s in found["scenarios"]] == ["passed", "failed"]
    assert '<testcase name="good"' in Path("out/j.xml").read_text().replace("classname", "x")[
        :900
    ] or ("good" in Path("out/j.xml").read_text())
    summary = Path("out/s.md").read_text()
    assert summary.startswith("### AgentLab: 1 passed")
    assert "<details open><summary>FAIL bad</summary>" in summary
    assert "<html" in Path("out/p.html").read_text()


def test_half_a_surrogate_pair_in_an_answer(
    project: Project, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    project.write("agentlab: 1\nscenarios:\n- {id: half, chain: 'odd:chain', input: x}\n")
    Path("odd.py").write_text(
        "from langchain_core.runnables import RunnableLambda\n"
        "chain = RunnableLambda(lambda _: 'half \\ud83d of it')\n"
    )
    program = [sys.executable, "-m", "agentlab", "test", "--markdown", "out/s.md", "--html"]
    files = ["out/p.html", "--junit", "out/j.xml"]
    for more in ([], ["--json"]):
        done = subprocess.run([*program, *files, *more], capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
    found = json.loads(done.stdout)
    assert "half \ud83d of it" in json.dumps(found, ensure_ascii=False)
    assert "half" in Path("out/s.md").read_text("utf-8")
    Path("out/p.html").read_text("utf-8")


def test_drift_then_accept(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.write(TEXT)
    said(capsys, "test", "-k", "good")
    project.edit("shop.py", "need manager", "need supervisor")
    code, out, _ = said(capsys, "test", "-k", "good")
    assert code == 3
    assert "DRIFT good" in out
    assert "agentlab accept good" in out
    code, out, _ = said(capsys, "accept", "good")
    assert code == 0
    assert out.startswith("good: accepted step 1 of 1")
    code, out, _ = said(capsys, "accept", "good")
    assert "nothing to accept" in out
    assert said(capsys, "test", "-k", "good")[0] == 0
    code, _, err = said(capsys, "accept", "goood")
    assert code == 2
    assert "did you mean `good`?" in err


def test_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "schema")
    assert code == 0
    assert json.loads(out)["properties"]["scenarios"]


def test_progress_where_a_person_looks(project: Project) -> None:
    project.write(TEXT)
    command = f"{sys.executable} -m agentlab test"
    child = pexpect.spawn(command, encoding="utf-8", timeout=60, dimensions=(24, 100))
    child.expect("1/2 recorded good")
    child.expect("1 failed, 1 recorded|1 recorded, 1 failed")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3


@pytest.mark.parametrize("processes", ["1", "2"])
def test_ctrl_c_stops_and_keeps_the_recordings(project: Project, processes: str) -> None:
    project.edit("talk.yaml", "replies:\n", "replies:\n- {when: {last: wait}, say: w, delay: 60}\n")
    project.write(TEXT.replace("ticket: reset", "ticket: wait"))
    command = [sys.executable, "-m", "agentlab", "test", "-j", processes]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not project.cassette("good").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    import signal

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "stopped" in err
    assert project.cassette("good").exists()
    assert not project.cassette("bad").exists()


def test_without_a_folder(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree("scenarios")
    code, _, err = said(capsys, "test")
    assert code == 2
    assert "there is no folder" in err
