"""The pytest plugin, in a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.scenarios.conftest import Project

TEXT = """agentlab: 1
models: {talk: {scripted: talk.yaml}}
scenarios:
- {id: good, chain: 'shop:triage', model: talk, input: {ticket: billing}, tags: [money],
   expect: {contains: billing}}
- {id: bad, chain: 'shop:triage', model: talk, input: {ticket: reset}, expect: {contains: Zed}}
- {id: off, skip: not ready, chain: 'shop:triage', input: {ticket: x}}
- {id: soft, level: warn, chain: 'shop:triage', model: talk, input: {ticket: x},
   expect: {equals: y}}
- {id: many, repeat: {n: 2}, chain: 'shop:triage', model: talk, input: {ticket: reset}}
"""


def run_pytest(
    folder: Path, *arguments: str, installed: bool = False
) -> subprocess.CompletedProcess[str]:
    """pytest in ``folder``: with all plugins that are installed, or with ours (much quicker)."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "CI"))}
    plugins: list[str] = [] if "--lf" in arguments else ["-p", "no:cacheprovider"]
    if not installed:
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        plugins += ["-p", "agentlab.scenarios.plugin"]
        plugins += ["-p", "xdist.plugin"] if "-n" in arguments else []
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def recorded(project: Project) -> Project:
    project.write(TEXT)
    project.run()
    (project.folder / "test_own.py").write_text("def test_own():\n    assert True\n")
    (project.folder / "values.yaml").write_text("a: 1\n")
    return project


def test_scenarios_are_items_beside_other_tests(recorded: Project) -> None:
    run = run_pytest(recorded.folder, "-v", "--agentlab-record", "none", installed=True)
    assert run.returncode == 1
    for line in (
        "scenarios/shop.yaml::good PASSED",
        "scenarios/shop.yaml::bad FAILED",
        "scenarios/shop.yaml::off SKIPPED (not ready)",
        "scenarios/shop.yaml::soft PASSED",
        "scenarios/shop.yaml::many[repeat] PASSED",
        "test_own.py::test_own PASSED",
    ):
        assert line in run.stdout, run.stdout
    assert 'expected contains "Zed"' in run.stdout
    assert 'got      "Hold the button for ten seconds."' in run.stdout
    assert "FAIL bad  scenarios/shop.yaml:6" in run.stdout
    assert "Traceback" not in run.stdout
    assert "PytestWarning: PASS soft" in run.stdout
    assert "1 failed, 4 passed, 1 skipped, 1 warning" in run.stdout


def test_words_first_failure_and_last_failed(recorded: Project) -> None:
    chosen = run_pytest(recorded.folder, "-k", "money or test_own").stdout
    assert "2 passed, 4 deselected" in chosen, chosen
    assert "1 failed, 1 passed" in run_pytest(recorded.folder, "-x").stdout
    run_pytest(recorded.folder, "--lf")
    again = run_pytest(recorded.folder, "--lf", "-v")
    assert "run-last-failure: rerun previous 1 failure" in again.stdout
    assert "bad FAILED" in again.stdout
    assert "good" not in again.stdout


def test_several_workers_and_junit(recorded: Project) -> None:
    run = run_pytest(recorded.folder, "-n", "2", "--junitxml", "out.xml")
    assert "1 failed, 4 passed, 1 skipped, 1 warning" in run.stdout, run.stdout
    cases = ElementTree.parse(recorded.folder / "out.xml").getroot().findall(".//testcase")
    assert {case.get("name") for case in cases} == {
        *("good", "bad", "off", "soft", "many[repeat]", "test_own"),
    }
    failure = next(c for c in cases if c.get("name") == "bad").find("failure")
    assert failure is not None
    assert "Zed" in (failure.text or "")


def test_drift_and_missing_recordings(recorded: Project) -> None:
    recorded.edit("shop.py", "need manager", "need supervisor")
    run = run_pytest(recorded.folder, "-k", "good", "--agentlab-record", "none")
    assert "[-manager-]{+supervisor+}" in run.stdout
    recorded.cassette("good").unlink()
    run = run_pytest(recorded.folder, "-k", "good", "--agentlab-record", "none")
    assert "there is no recording" in run.stdout
    run = run_pytest(recorded.folder, "-k", "good", "-rA")
    assert "recorded good" in run.stdout
    assert recorded.cassette("good").exists()


def test_a_wrong_file_is_told(project: Project) -> None:
    project.write(TEXT.replace("expect: {contains: Zed}", "expects: {contains: Zed}"))
    run = run_pytest(project.folder)
    assert run.returncode == 2
    assert "unknown key `expects`, did you mean `expect`?" in run.stdout
    assert "scenarios/shop.yaml:6:" in run.stdout
    assert "Traceback" not in run.stdout


def test_without_scenarios_nothing_is_imported(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\n\n\ndef test_it():\n"
        "    loaded = [n for n in sys.modules if n.startswith('agentlab')]\n"
        "    plugin = 'agentlab.scenarios.plugin'\n"
        "    assert sorted(loaded) == ['agentlab', 'agentlab.scenarios', plugin]\n"
        "    assert 'yaml' not in sys.modules\n"
    )
    (tmp_path / "other.yaml").write_text("a: 1\n")
    run = run_pytest(tmp_path, "-p", "no:langsmith_plugin", "-p", "no:examples", installed=True)
    assert run.returncode == 0, run.stdout
